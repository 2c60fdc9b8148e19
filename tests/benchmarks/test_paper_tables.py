"""The paper's tables: ratios of the paper, ours beside them, and what counts as agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from drivesim.evaluation.protocol import Figure, Protocol, Report
from drivesim.evaluation.video.measures.distance import CLIP_DISTANCE, FRAME_DISTANCE
from drivesim.evaluation.video.sources.videos import Video

PROTOCOL = Protocol("m", None, None, 1, 1, None, 1, 1, "none", "0", "r", "s")


def ratio(value: float, low: float | None, high: float | None) -> Figure:
    return Figure("ratio", "a over b", value, low, high, 4, PROTOCOL)


def test_every_row_is_compared_with_a_row_of_the_same_table() -> None:
    from ablations import RECIPES
    from paper_tables import ADVERSARIAL, ROWS

    of_ours = {row.ours: row for row in ROWS}
    assert len(of_ours) == len(ROWS)
    assert all(of_ours[row.over].table == row.table for row in ROWS if row.over)
    trained = {row.ours.split(",")[0] for row in ROWS if row.table.startswith("1")}
    assert trained == {ADVERSARIAL, *RECIPES}


@pytest.mark.parametrize(
    ("paper", "ours", "said"),
    [
        (1.3, ratio(1.5, 1.1, 2.0), "yes"),
        (1.3, ratio(1.1, 0.9, 1.3), "open"),
        (1.3, ratio(0.8, 0.7, 0.9), "no"),
        (0.8, ratio(0.8, 0.7, 0.9), "yes"),
        (0.99, ratio(1.1, 0.9, 1.3), "yes"),
        (0.99, ratio(1.4, 1.2, 1.6), "no"),
        (1.3, ratio(1.5, None, None), "–"),
        (None, ratio(1.5, 1.1, 2.0), "–"),
        (1.3, None, "–"),
    ],
)
def test_agreement_is_about_the_side_of_one(paper: float | None, ours: Figure | None, said: str) -> None:
    from paper_tables import agreement

    assert agreement(paper, ours) == said


def test_the_table_has_the_ratios_of_the_paper_beside_ours() -> None:
    from paper_tables import ROWS, table_of

    figures = []
    for row in ROWS:
        for name in (CLIP_DISTANCE, FRAME_DISTANCE):
            figures.append(Figure(name, row.ours, 2.0, 1.0, 3.0, 4, PROTOCOL))
            figures.append(replace(ratio(5.0, 4.0, 6.0), name=f"{name}_ratio", group=f"{row.ours} over {row.over}"))
    table = table_of([Report("a", {}, tuple(figures))])
    cells = {str(c.header): list(c.cells) for c in table.columns}
    shown = dict(zip(cells["method"], zip(cells["FVD ratio"], cells["FID ratio"], strict=True), strict=True))
    assert shown["LVG"] == ("1.23", "1.69")
    assert shown["Image Upsampler"] == ("3.66", "0.993")
    assert shown["Decoder, image-only"] == ("11.9", "0.83")
    assert shown["Attention-only"] == ("1.32", "1.04")
    assert shown["–"] == ("–", "–")
    agreed = dict(zip(cells["method"], cells["agrees"], strict=True))
    assert (agreed["LVG"], agreed["Ours"], agreed["Decoder, finetuned"]) == ("yes / yes", "yes / no", "")
    assert not any("–" in cell for cell in cells["clips"] + cells["frames"])


def test_videos_that_are_farther_from_recorded_ones_have_a_ratio_above_one() -> None:
    from paper_tables import ROWS, distances

    rng, row = np.random.default_rng(0), ROWS[0]

    def videos(level: int, spread: int) -> Sequence[Video]:
        shape = (4, 3, 16, 32, 3)
        return [Video(str(i), 0, 2.5, (level + rng.integers(0, spread, shape[1:])).astype(np.uint8)) for i in range(4)]

    made = {row.ours: videos(180, 60), row.over: videos(105, 40), "real": videos(100, 40)}
    found = {(f.name, f.group): f for f in distances(made, videos(100, 40), "cpu")}
    assert len(found) == 2 * (len(made) + 1)
    for name in (CLIP_DISTANCE, FRAME_DISTANCE):
        of_ratio = found[f"{name}_ratio", f"{row.ours} over {row.over}"]
        quotient = found[name, row.ours].value / found[name, row.over].value
        assert of_ratio.value == pytest.approx(quotient)
        assert of_ratio.value > 1
