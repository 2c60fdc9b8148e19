from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from drivesim.archive import ArchiveWriter, compare_archives
from drivesim.cli.main import app
from drivesim.errors import InputError


def write(path, tiny, noise: float = 0.0, frames: str = "lossless", **inputs: object) -> None:
    """A rollout whose latents are off by a part of their size, and some frames by one level, from window 1 on."""
    layout = replace(tiny.layout, frames=frames)
    with ArchiveWriter.open(path, {**tiny.inputs, **inputs}, layout, {}) as writer:
        for future in range(layout.num_futures):
            for window in range(layout.num_windows):
                latents, pictures, labels = tiny.window(future, window)
                if noise and window:
                    latents = latents * np.float32(1 + noise)
                    pictures[0, 0] ^= 1
                writer.commit(future, window, latents, pictures if layout.keeps_frames else None, labels)


def test_every_window_is_compared(folder, tiny):
    write(folder / "cpu.zarr", tiny, device="cpu", threads=1)
    write(folder / "cuda.zarr", tiny, 1e-5, device="cuda", threads=4)
    found = list(compare_archives(folder / "cuda.zarr", folder / "cpu.zarr"))
    assert [(found_in.future, found_in.window) for found_in in found] == [(f, w) for f in (0, 1) for w in range(3)]
    for difference in found:
        assert difference.within_tolerance
        if difference.window == 0:
            assert (difference.latent_error, difference.psnr_db) == (0.0, float("inf"))
        else:
            assert difference.latent_error == pytest.approx(1e-5, rel=0.1)
            num_frames = len(tiny.layout.frame_range(difference.window))
            assert difference.psnr_db == pytest.approx(10 * np.log10(255**2 * num_frames * 16), abs=0.01)


def test_latents_alone_are_compared_with_frames_and_without(folder, tiny):
    write(folder / "whole.zarr", tiny)
    write(folder / "latents.zarr", tiny, frames="none", device="cuda")
    found = list(compare_archives(folder / "latents.zarr", folder / "whole.zarr"))
    assert {(difference.latent_error, difference.psnr_db) for difference in found} == {(0.0, None)}


def test_the_command_names_windows_outside_and_fails(folder, tiny):
    write(folder / "cpu.zarr", tiny, device="cpu")
    write(folder / "cuda.zarr", tiny, 0.1, device="cuda")
    result = CliRunner().invoke(app, ["check", str(folder / "cpu.zarr"), "--against", str(folder / "cpu.zarr")])
    assert (result.exit_code, "within the tolerance" in result.stdout) == (0, True)
    result = CliRunner().invoke(app, ["check", str(folder / "cuda.zarr"), "--against", str(folder / "cpu.zarr")])
    assert result.exception.exit_code == 1
    assert "4 windows differ" in str(result.exception)
    assert "future 1 window 2: latents differ by 9.1e-02" in result.stdout
    assert result.stdout.count("OUTSIDE") == 4


def test_other_rollouts_are_not_compared(folder, tiny):
    write(folder / "a.zarr", tiny)
    write(folder / "b.zarr", tiny, scenario={"name": "tiny", "seed": 8})
    with pytest.raises(InputError, match=r"scenario\.seed: archive 7, this run 8"):
        list(compare_archives(folder / "a.zarr", folder / "b.zarr"))
    with tiny.open(folder / "empty.zarr"):
        pass
    with pytest.raises(InputError, match="no window in common"):
        list(compare_archives(folder / "a.zarr", folder / "empty.zarr"))
