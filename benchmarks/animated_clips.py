"""Writes the futures of an archive side by side as an animated WebP file, small enough for a page.

.venv/bin/python benchmarks/animated_clips.py out/dense_day_traffic.zarr docs/pictures/dense_day_traffic.webp
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from drivesim.archive import open_archive

WIDTH, QUALITY = 384, 60


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    archive = open_archive(source)
    futures = [[_small(frame) for frame in rollout.frames] for rollout in archive.rollouts]
    animation = cv2.Animation()
    moments = [np.hstack(moment) for moment in zip(*futures, strict=True)]
    animation.frames, animation.durations = moments, np.full(len(moments), round(1000 / archive.layout.fps))
    if not cv2.imwriteanimation(str(target), animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
        raise SystemExit(f"{target}: cannot be written")
    print(f"{target}: {len(moments)} frames, {target.stat().st_size / 1024:.0f} KiB")


def _small(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (WIDTH, round(WIDTH * height / width)), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2BGR)


if __name__ == "__main__":
    main()
