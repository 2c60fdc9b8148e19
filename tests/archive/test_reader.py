from __future__ import annotations

import dataclasses
import json
import resource

import numpy as np
import pytest

from drivesim.archive import ArchiveWriter, check_archive, open_archive
from drivesim.archive.sealed_json import seal
from drivesim.errors import ArchiveError, InputError


def test_slices_are_those_of_numpy(folder, tiny):
    tiny.write(folder / "a.zarr")
    rollout = open_archive(folder / "a.zarr").rollouts[1]
    latents, frames = tiny.whole(1)
    assert rollout.frames.shape == frames.shape
    assert rollout.frames.dtype == frames.dtype
    assert len(rollout.latents) == len(latents)
    for key in (slice(3, 9), slice(None, None, 7), slice(-5, None), slice(4, 4), slice(0, 20), 0, 19, -1, -20):
        np.testing.assert_array_equal(rollout.frames[key], frames[key])
    np.testing.assert_array_equal(np.stack(list(rollout.frames)), frames)
    np.testing.assert_array_equal(np.asarray(rollout.frames), frames)
    np.testing.assert_array_equal(rollout.latents[1], latents[1])


def test_only_committed_frames_show(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=2)
    archive = open_archive(folder / "a.zarr")
    first, second = archive.rollouts
    assert not archive.complete
    assert (first.num_committed_windows, first.num_committed_frames, len(first.frames)) == (2, 16, 16)
    assert (second.num_committed_frames, second.frames[:].shape) == (0, (0, 16, 32, 3))
    np.testing.assert_array_equal(first.frames[:], tiny.whole(0)[1][:16])
    for key in (16, -17, slice(0, 17), slice(17, None)):
        with pytest.raises(ArchiveError, match="16 are committed"):
            first.frames[key]
    with pytest.raises(ArchiveError, match="0 are committed"):
        second.latents[0]
    with pytest.raises(InputError, match="step"):
        first.frames[::-1]


def test_only_the_chunks_asked_for_are_read(folder, tiny):
    tiny.write(folder / "a.zarr")
    (folder / "a.zarr/rollouts/0000/frames/c.2.0.0.0").unlink()
    rollout = open_archive(folder / "a.zarr").rollouts[0]
    np.testing.assert_array_equal(rollout.frames[0:8], tiny.whole(0)[1][0:8])
    np.testing.assert_array_equal(rollout.frames[12:20], tiny.whole(0)[1][12:20])
    with pytest.raises(ArchiveError, match=r"frames window 1: rollouts/0000/frames/c\.2\.0\.0\.0: the file is missing"):
        rollout.frames[7:9]


def test_an_open_archive_stays_as_it_was_opened(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    before = open_archive(folder / "a.zarr")
    tiny.write(folder / "a.zarr")
    assert len(before.rollouts[0].frames) == 8
    assert len(open_archive(folder / "a.zarr").rollouts[0].frames) == 20


def test_what_is_no_archive_is_named(folder):
    with pytest.raises(InputError, match=r"nothing\.zarr: does not exist"):
        open_archive(folder / "nothing.zarr")
    (folder / "file.zarr").write_text("")
    with pytest.raises(InputError, match=r"file\.zarr: is not a folder"):
        open_archive(folder / "file.zarr")
    (folder / "empty.zarr").mkdir()
    with pytest.raises(ArchiveError, match=r"drivesim\.json: the file is missing"):
        open_archive(folder / "empty.zarr")


def test_a_newer_format_is_refused_as_such(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    manifest = folder / "a.zarr/drivesim.json"
    fields = json.loads(manifest.read_bytes())
    del fields["sha256"]
    manifest.write_bytes(seal({**fields, "format": 4}))
    for use in (open_archive, tiny.open, lambda path: check_archive(path, read_data=False)):
        with pytest.raises(InputError, match="format 4 is newer"):
            use(folder / "a.zarr")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_frames", 2**60),
        ("num_futures", 10**30),
        ("frames_per_window", 0),
        ("frame_shape", [2**60, 32, 3]),
        ("frame_shape", [16384, 16384, 3]),
        ("latent_shape", [4, 2]),
        ("fps", -1),
        ("fps", "10"),
        ("num_frames", True),
    ],
)
def test_absurd_shapes_take_no_memory(folder, tiny, field, value):
    """Sealed as if nothing had been changed: the layout itself must be refused."""
    tiny.write(folder / "a.zarr", stop_after=1)
    manifest = folder / "a.zarr/drivesim.json"
    fields = json.loads(manifest.read_bytes())
    del fields["sha256"]
    fields["layout"][field] = value
    manifest.write_bytes(seal(fields))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ArchiveError, match=rf"drivesim\.json: .*{field if field != 'frame_shape' else ''}"):
        open_archive(folder / "a.zarr")
    assert check_archive(folder / "a.zarr", read_data=True)[0].file == "drivesim.json"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize("array", ["frames", "latents"])
def test_a_zarr_document_with_an_absurd_shape_is_named(folder, tiny, array):
    tiny.write(folder / "a.zarr", stop_after=1)
    document = folder / f"a.zarr/rollouts/0001/{array}/zarr.json"
    fields = json.loads(document.read_bytes())
    fields["shape"][0] = 2**60
    document.write_text(json.dumps(fields))
    with pytest.raises(ArchiveError, match=rf"rollouts/0001/{array}/zarr\.json: was changed"):
        open_archive(folder / "a.zarr")
    with pytest.raises(ArchiveError, match=rf"rollouts/0001/{array}/zarr\.json: was changed"):
        tiny.open(folder / "a.zarr")


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"{" * 1000, b"null", b'{"sha256": 1}', b"\xff\xfe", b'{"a": 1e999}'], ids=range(6)
)
def test_hostile_json_is_damage(folder, tiny, content):
    tiny.write(folder / "a.zarr", stop_after=1)
    for file in ("rollouts/0000/_commit/000000.json", "rollouts/0000/_commit/head.json", "drivesim.json"):
        (folder / "a.zarr" / file).write_bytes(content)
        assert file in [finding.file for finding in check_archive(folder / "a.zarr", read_data=False)]


def test_json_of_millions_of_values_is_refused_unread(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=1)
    content = b'{"a": [' + b"[]," * 5_000_000 + b"0]}"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for file in ("rollouts/0000/_commit/000000.json", "drivesim.json"):
        (folder / "a.zarr" / file).write_bytes(content)
        findings = check_archive(folder / "a.zarr", read_data=False)
        assert (file, "holds more than 1,000,000 values") in [(found.file, found.message) for found in findings]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize("last", [None, "", 7, ["0" * 64], "0" * 63, "z" * 64])
def test_a_sealed_head_that_names_no_record_is_damage(folder, tiny, last):
    tiny.write(folder / "a.zarr")
    head = folder / "a.zarr/rollouts/0000/_commit/head.json"
    head.write_bytes(seal({"future": 0, "windows": 3, "last": last}))
    findings = check_archive(folder / "a.zarr", read_data=False)
    assert [(finding.file, finding.message) for finding in findings] == [
        ("rollouts/0000/_commit/head.json", "names no record as the last one")
    ]
    with pytest.raises(ArchiveError, match="names no record"):
        open_archive(folder / "a.zarr").require_sound()


def test_a_sealed_head_of_millions_of_windows_is_found_in_bounded_time(folder, tiny):
    """All sums fit, as if this drivesim had written it, but the records are not there."""
    longest = dataclasses.replace(tiny.layout, num_futures=1, num_frames=10_000_000, frames_per_window=1)
    with ArchiveWriter.open(folder / "a.zarr", {}, longest, {}):
        pass
    head = folder / "a.zarr/rollouts/0000/_commit/head.json"
    head.write_bytes(seal({"future": 0, "windows": 10_000_000, "last": "0" * 64}))
    findings = check_archive(folder / "a.zarr", read_data=False)
    assert len(findings) == 1001
    assert findings[0].file == "rollouts/0000/_commit/000000.json"
    assert "10000000 records" in findings[-1].message
    assert open_archive(folder / "a.zarr").rollouts[0].num_committed_windows == 0
