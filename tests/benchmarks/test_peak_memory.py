"""The peak of a stretch of work is its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel's mark cannot be reset here")
def test_a_peak_is_forgotten_when_the_next_stretch_begins() -> None:
    from peak_memory import begin_peak, peak_gib

    begin_peak()
    before = peak_gib()
    large = np.ones(256 << 20, np.uint8)
    with_large = peak_gib()
    assert with_large - before == pytest.approx(0.25, abs=0.05)
    del large
    assert peak_gib() == pytest.approx(with_large, abs=0.01)
    begin_peak()
    assert peak_gib() == pytest.approx(before, abs=0.05)
