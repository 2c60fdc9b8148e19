"""How fast real footage is ingested: seconds of 1080p video per CPU second of one process, and the memory it takes.

.venv/bin/python benchmarks/ingest.py [SECONDS_OF_VIDEO] [VIDEO]

Without a video, it makes one: 1920x1080, 30 frames per second, a textured road that moves, about 8 Mbit/s. It encodes
ten seconds and repeats their packets, so an hour (3600) is made in seconds too. Memory is printed half-way and
at the end: it rises until the second drive log (two minutes), and from then on it stays.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np

from drivesim.data.ingest.conversion.conversion import Converted, Decoding, convert
from drivesim.data.ingest.conversion.tools import Tools
from drivesim.data.ingest.formats.video import VideoOptions, recordings
from drivesim.data.ingest.settings import IngestSettings

FPS, HEIGHT, WIDTH = 30, 1080, 1920
_ENCODED_S = 10
_USED_FPS = IngestSettings().fps


def make_video(path: Path, seconds: float) -> Path:
    """Writes a video of `seconds`, in whole repetitions of what is encoded if it is longer than that."""
    part = encoded(path.with_name("part.mp4"), min(seconds, _ENCODED_S))
    with av.open(str(part)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        times = [(packet.pts, packet.dts) for packet in packets]
        length = stream.duration
        for repetition in range(max(1, round(seconds / _ENCODED_S))):
            for packet, (pts, dts) in zip(packets, times, strict=True):
                packet.stream = copy
                packet.pts, packet.dts = pts + repetition * length, dts + repetition * length
                target.mux(packet)
    return path


def encoded(path: Path, seconds: float) -> Path:
    rng = np.random.default_rng(0)
    scene = cv2.resize(
        rng.integers(0, 256, (135, 960, 3), np.uint8), (4 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 8_000_000
        stream.options = {"preset": "veryfast"}
        for number in range(round(seconds * FPS)):
            left = 6 * number % (3 * WIDTH)
            frame = scene[:, left : left + WIDTH] ^ rng.integers(0, 8, (HEIGHT, WIDTH, 1), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    av.logging.set_level(av.logging.ERROR)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(sys.argv[2]) if len(sys.argv) > 2 else make_video(Path(folder) / "drive.mp4", seconds)
        out = Path(folder) / "logs"
        out.mkdir()
        before = peak_mib()
        (recording,) = recordings(video, VideoOptions())
        start, wall = time.process_time(), time.monotonic()
        with Tools.of(IngestSettings()) as tools:
            events = convert(recording, out, tools)
            half_way, done = None, None
            for event in events:
                if half_way is None and isinstance(event, Decoding) and event.frames >= seconds * _USED_FPS / 2:
                    half_way = peak_mib()
                if isinstance(event, Converted):
                    done = event
        assert done is not None, "the video cannot be converted"
        spent, took = time.process_time() - start, time.monotonic() - wall
        length = done.counts.decoded / FPS
        print(f"{done.counts.decoded} frames, {length:.1f} s at {FPS} frames per second")
        print(f"CPU {spent:.1f} s: {length / spent:.1f} x real time per core; wall {took:.1f} s")
        print(f"memory {peak_mib()} MiB, half-way {half_way} MiB, before {before} MiB")


def peak_mib() -> int:
    """The largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
