from __future__ import annotations

import numpy as np
import pytest

from drivesim.geometry.headings import from_line_of_sight


@pytest.mark.parametrize(
    ("heading", "sight", "expected"),
    [(0.0, 0.0, 0.0), (np.pi, 0.0, np.pi), (np.pi / 2, 0.0, np.pi / 2), (0.2, 0.3, -0.1), (3.0, -3.0, 6 - 2 * np.pi)],
)
def test_headings_are_measured_from_the_line_of_sight(heading: float, sight: float, expected: float) -> None:
    assert float(from_line_of_sight(heading, sight)) == pytest.approx(expected)
