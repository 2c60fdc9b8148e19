"""Broken and hostile media: whatever a file holds, the ingest names it, skips it and goes on."""

from __future__ import annotations

import os
import random
import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from drivesim.data.drive_log import DriveLog
from drivesim.data.ingest import workers
from drivesim.data.ingest.conversion.conversion import convert
from drivesim.data.ingest.conversion.tools import Tools
from drivesim.data.ingest.media.files import open_regular, read_regular
from drivesim.data.ingest.recording import PictureFiles, Recording, VideoFile
from drivesim.data.ingest.session import Ingested, ingest
from drivesim.data.ingest.settings import IngestSettings
from drivesim.errors import FootageError

NUM_MUTATED = 500


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Bits flipped, bytes overwritten, pieces removed, doubled or exchanged, an end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 3, 20))):
        if not data:
            break
        place, length = rng.randrange(len(data)), rng.randrange(1, 64)
        match rng.randrange(6):
            case 0:
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                data[place : place + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1")
                )
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = data[place : place + length]
            case 4:
                data[place : place + length] = rng.randbytes(length)
            case 5 if rng.random() < 0.3:
                del data[place:]
    return bytes(data)


def ended(events: list) -> dict[str, Ingested]:
    return {event.name: event for event in events if isinstance(event, Ingested)}


def test_five_hundred_mutated_files(footage, tmp_path: Path) -> None:
    """Each is done, partly done or rejected with a reason; the sound recording among them is whole."""
    rng = random.Random(0)
    small = [footage.frame(number, 128, 256) for number in range(6)]
    originals = [
        footage.video("a.mp4", small, fps=10),
        footage.video("b.mkv", small, fps=10),
        footage.video("c.avi", small, fps=10, codec="mpeg4"),
        footage.picture("d.png", 0, 128, 256),
        footage.picture("e.jpg", 0, 128, 256),
    ]
    contents = {path.suffix: path.read_bytes() for path in originals}
    found = [Recording("sound", "video", VideoFile(originals[0]))]
    for number in range(NUM_MUTATED):
        suffix = list(contents)[number % len(contents)]
        path = footage.folder / f"m{number}{suffix}"
        path.write_bytes(mutated(contents[suffix], rng))
        is_picture = suffix in (".png", ".jpg")
        media = PictureFiles((path,), (0.0,), stills=True) if is_picture else VideoFile(path)
        found.append(Recording(f"m{number}", "mutated", media))
    done = ended(list(ingest(found, tmp_path / "logs", IngestSettings(), 1)))
    assert len(done) == NUM_MUTATED + 1
    assert done["sound"].state == "done"
    for item in done.values():
        assert item.problems or item.state == "done"
        for name in item.logs:
            log = DriveLog.open(tmp_path / "logs" / name)
            assert sum(1 for _ in log.stream()) == log.num_frames
    rejected = sum(item.state == "rejected" for item in done.values())
    assert NUM_MUTATED // 10 < rejected < NUM_MUTATED, "the mutations are neither all harmless nor all fatal"
    assert not list((tmp_path / "logs").glob(".*.partial"))


def end_the_process(pixels: np.ndarray) -> np.ndarray:
    """What a decoder with a bug does."""
    if pixels[0, 0, 0] < 50:
        os.kill(os.getpid(), signal.SIGSEGV)
    return pixels


def take_all_memory(pixels: np.ndarray) -> np.ndarray:
    if pixels[0, 0, 0] < 50:
        np.ones(16 << 30, np.uint8)
    return pixels


def never_end(pixels: np.ndarray) -> np.ndarray:
    import time

    if pixels[0, 0, 0] < 50:
        time.sleep(600)
    return pixels


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (end_the_process, "ended its process (signal SIGSEGV)"),
        (take_all_memory, "needs more memory than"),
        (never_end, "took more than 2 s for one frame"),
    ],
)
def test_a_process_that_dies_or_stalls(footage, tmp_path: Path, monkeypatch, what, reason: str) -> None:
    """The recording is named, its half-made log is gone, and the others are done all the same."""
    monkeypatch.setattr(workers, "STALL_S", 2.0)
    dark = [footage.frame(number) // (1 if number < 6 else 8) for number in range(12)]
    videos = {"bad": footage.video("bad.mp4", dark, fps=10), "good": footage.video("good.mp4", 12, fps=10)}
    found = [Recording(name, "video", VideoFile(path)) for name, path in videos.items()]
    done = ended(list(ingest(found, tmp_path / "logs", IngestSettings(redact=what), 1)))
    assert (done["bad"].state, done["bad"].logs) == ("rejected", ())
    assert reason in done["bad"].problems[0]
    assert done["good"].state == "done"
    assert [path.name for path in (tmp_path / "logs").glob("*~*")] == ["good~000"]
    assert not list((tmp_path / "logs").glob(".*.lock"))


def test_pipes_devices_and_folders_are_no_media(tmp_path: Path) -> None:
    """Opening a pipe would wait for its writer for ever, reading a device would not end."""
    os.mkfifo(tmp_path / "pipe.mp4")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket.mp4"))
    for path in (tmp_path / "pipe.mp4", tmp_path / "socket.mp4", Path("/dev/zero"), tmp_path):
        with pytest.raises(FootageError):
            open_regular(path)
    listening.close()
    (tmp_path / "large").write_bytes(b"0" * 100)
    with pytest.raises(FootageError, match="larger than"):
        read_regular(tmp_path / "large", 99)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n"),
        ("concat.mkv", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        ("session.ts", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"),
        ("empty.mp4", b""),
        ("text.mov", b"no video at all " * 100),
    ],
)
def test_files_that_name_others_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    recording = Recording("r", "video", VideoFile(path))
    with Tools.of(IngestSettings()) as tools, pytest.raises(FootageError, match="cannot decode the video"):
        list(convert(recording, tmp_path, tools))


def test_a_picture_larger_than_memory_is_refused_by_its_header(tmp_path: Path) -> None:
    header = (
        b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR" + (60000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    )
    path = tmp_path / "huge.png"
    path.write_bytes(header + b"\0" * 100)
    recording = Recording("r", "coco", PictureFiles((path,), (0.0,), stills=True))
    with Tools.of(IngestSettings()) as tools:
        *_, last = convert(recording, tmp_path, tools)
    assert "60000×60000 pixels" in last.problems[0]
