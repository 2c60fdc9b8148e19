"""How fast the world is recorded: labelled 512x1024 frames a second, with one and with two processes.

.venv/bin/python benchmarks/record.py [SECONDS_EACH]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from drivesim.world.recording.log_session import RecordSession, run_session
from drivesim.world.recording.recorder import Recipe


def frames_per_second(recipe: Recipe, num_workers: int, seconds: float) -> float:
    """Frames a second from the first whole log of a session to its last (so without the workers' start)."""
    with tempfile.TemporaryDirectory() as folder:
        session = RecordSession(Path(folder), recipe, 0, minutes=seconds / 60, num_workers=num_workers)
        times = [time.monotonic() for _ in run_session(session)]
    if len(times) < 3:
        raise SystemExit(f"only {len(times)} logs in {seconds:g} s: give the benchmark more time")
    return (len(times) - 1) * recipe.num_frames / (times[-1] - times[0])


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    recipes = {"clips, day": Recipe.clip(time_of_day="day"), "clips, night": Recipe.clip(time_of_day="night")}
    recipes["stills, day and night"] = Recipe.single_frames()
    for name, recipe in recipes.items():
        for num_workers in (1, 2):
            rate = frames_per_second(recipe, num_workers, seconds)
            print(f"{name:>22}, {num_workers} process(es): {rate:5.1f} frames/s of {recipe.height}x{recipe.width}")


if __name__ == "__main__":
    main()
