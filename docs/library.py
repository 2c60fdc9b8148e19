"""Writes docs/library.md and its pictures from the scenarios that ship.

.venv/bin/python docs/library.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from drivesim.assets import scenario_library
from drivesim.scenario import Scenario, load_scenario
from drivesim.scenario.previews.preview import preview_frame

FOLDER = Path(__file__).parent
WIDTH_PX, HEIGHT_PX = 560, 224
# Where something moves, this share of the duration shows it best.
MOMENT = 0.4

HEAD = """\
# The library

These scenarios ship with drivesim, in the folder `scenarios/`. Start your own from any of them:

    drivesim new my_scenario --template cut_in_day

Each picture is from `drivesim preview`: what the camera sees on the left, the road from above on the right. A *steered*
scenario has vehicles with manoeuvres; its picture shows the moment at {share:.0%} of its duration. All others fix the
first frame only, and every future is the model's own. A *sweep* stands for many cases ([Sweeps](sweeps.md)).

`docs/library.py` generates this page.

| scenario | purpose | |
| --- | --- | --- |
"""


def page() -> str:
    """The page, as Markdown."""
    return HEAD.format(share=MOMENT) + "".join(_row(file) for file in _files())


def picture(scenario: Scenario) -> np.ndarray:
    """A small preview of a scenario, uint8 RGB `h w c`."""
    moment = MOMENT * scenario.duration_s if scenario.scene is not None and scenario.scene.steered else 0.0
    return cv2.resize(preview_frame(scenario, moment), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)


def _files() -> list[Path]:
    return sorted(scenario_library().glob("*.yaml"))


def _row(file: Path) -> str:
    scenario = load_scenario(file)
    purpose = next(
        line.removeprefix("# ")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("# ") and "yaml-language-server" not in line
    )
    kinds = []
    if scenario.scene is not None and scenario.scene.steered:
        kinds.append("steered")
    if scenario.sweep is not None:
        kinds.append("sweep")
    kind = f"<br>*{', '.join(kinds)}*" if kinds else ""
    name = file.stem
    return f"| [`{name}`](../scenarios/{name}.yaml){kind} | {purpose} | ![{name}](pictures/library/{name}.png) |\n"


def main() -> None:
    """Writes the page and the pictures."""
    pictures = FOLDER / "pictures" / "library"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    for file in _files():
        pixels = cv2.cvtColor(picture(load_scenario(file)), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(pictures / f"{file.stem}.png"), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    (FOLDER / "library.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
