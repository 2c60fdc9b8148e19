from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from drivesim.archive import open_archive
from drivesim.archive.export import require_writable, write_mp4, write_png, write_pngs
from drivesim.archive.previews import write_contact_sheet, write_poster, write_preview
from drivesim.errors import ArchiveWriteError, InputError


def smooth_frames(count: int) -> np.ndarray:
    """uint8 (t, 32, 64, 3): a slow change of colour that h264 keeps nearly as it is."""
    t, h, w = np.meshgrid(np.arange(count), np.arange(32), np.arange(64), indexing="ij")
    return np.stack([100 + 3 * t, 60 + 2 * h, 40 + 2 * w], axis=-1).astype(np.uint8)


def decode(path) -> tuple[np.ndarray, float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.pix_fmt == "yuv420p"
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(stream)]), float(stream.average_rate)


def read_png(path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("fps", [2.5, 10.0, 40.0, 7.5])
def test_a_video_has_the_frames_and_the_rate(folder, fps):
    frames = smooth_frames(9)
    write_mp4(frames, fps, folder / "new" / "a.mp4")
    decoded, rate = decode(folder / "new" / "a.mp4")
    assert rate == fps
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 4
    content = (folder / "new" / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_nothing_half_written_is_left(folder):
    def broken():
        yield from smooth_frames(3)
        raise OSError(28, "No space left on device")

    (folder / "a.mp4").write_bytes(b"before")
    with pytest.raises(ArchiveWriteError, match="No space left"):
        write_mp4(broken(), 10, folder / "a.mp4")
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]
    assert (folder / "a.mp4").read_bytes() == b"before"


def test_bad_arguments_are_named(folder):
    with pytest.raises(InputError, match="no frames"):
        write_mp4([], 10, folder / "a.mp4")
    with pytest.raises(InputError, match="even width and height, not 31x32"):
        write_mp4(smooth_frames(1)[:, :, :31], 10, folder / "a.mp4")
    with pytest.raises(InputError, match="0 to 51, not 52"):
        write_mp4(smooth_frames(1), 10, folder / "a.mp4", crf=52)
    (folder / "file").write_text("")
    with pytest.raises(InputError, match="file: cannot be written here"):
        write_png(smooth_frames(1)[0], folder / "file" / "a.png")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_pictures_are_lossless(folder):
    frames = smooth_frames(3)
    assert write_pngs(frames, folder / "png") == 3
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(read_png(folder / "png" / f"{index:06d}.png"), frame)


def test_previews_show_what_is_committed(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=4)  # future 0 whole, of future 1 the first 8 frames
    archive = open_archive(folder / "a.zarr")
    write_preview(archive, 1, folder / "future_01.mp4")
    assert len(decode(folder / "future_01.mp4")[0]) == 8
    write_poster(archive, 0, folder / "future_00.png")
    np.testing.assert_array_equal(read_png(folder / "future_00.png"), archive.rollouts[0].frames[10])
    write_contact_sheet(archive, folder / "contact_sheet.png")
    sheet = read_png(folder / "contact_sheet.png")
    assert sheet.shape == (6 + 2 * 166, 6 + 6 * 326, 3)
    first = cv2.resize(archive.rollouts[0].frames[0], (320, 160), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(sheet[6 + 30 : 6 + 160, 6 : 6 + 320], first[30:])


def test_there_is_no_preview_of_nothing(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    archive = open_archive(folder / "a.zarr")
    for write in (write_preview, write_poster):
        with pytest.raises(InputError, match="no frames of future 1"):
            write(archive, 1, folder / "x")
        with pytest.raises(InputError, match="futures 0 to 1, no future 2"):
            write(archive, 2, folder / "x")
    with tiny.open(folder / "empty.zarr"):
        pass
    with pytest.raises(InputError, match="nothing to show"):
        write_contact_sheet(open_archive(folder / "empty.zarr"), folder / "x")


def test_what_cannot_be_written_says_what_to_do(folder):
    (folder / "a.png").mkdir()
    with pytest.raises(ArchiveWriteError, match=r"cannot be written .*; choose another --out") as caught:
        write_png(smooth_frames(1)[0], folder / "a.png")
    assert "committed" not in str(caught.value)
    for path in (folder / "a.png", folder / "file" / "b.png"):
        (folder / "file").write_bytes(b"")
        with pytest.raises(InputError, match="choose another --out"):
            require_writable(path)
    require_writable(folder / "new" / "c.png")
    assert list((folder / "new").iterdir()) == []
