"""Archives that keep latents and no frames."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drivesim.archive import ArchiveWriter, check_archive, open_archive
from drivesim.errors import ArchiveError, InputError


@pytest.fixture
def written(folder, tiny) -> Path:
    layout = dataclasses.replace(tiny.layout, frames="none")
    with ArchiveWriter.open(folder / "a.zarr", tiny.inputs, layout, {}) as writer:
        for future in range(2):
            for window in range(3):
                latents, frames, labels = tiny.window(future, window)
                with pytest.raises(InputError, match="keeps no frames"):
                    writer.commit(future, window, latents, frames, labels)
                writer.commit(future, window, latents, None, labels)
    return folder / "a.zarr"


def test_latents_are_read_back_and_frames_are_refused(written, tiny):
    archive = open_archive(written)
    assert archive.complete
    assert archive.manifest.format == 3
    assert not list(written.rglob("frames"))
    assert check_archive(written, read_data=True) == []
    for rollout in archive.rollouts:
        np.testing.assert_array_equal(rollout.latents[:], tiny.whole(rollout.future)[0])
        with pytest.raises(InputError, match="drivesim render"):
            _ = rollout.frames


def test_damage_is_named(written):
    chunk = written / "rollouts/0001/latents/c.2.0.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-1])
    (written / "rollouts/0000/frames").mkdir()
    findings = {(finding.file, finding.window) for finding in check_archive(written, read_data=False)}
    assert findings == {("rollouts/0001/latents/c.2.0.0.0.0", 2), ("rollouts/0000/frames", None)}
    with pytest.raises(ArchiveError, match="window 2"):
        open_archive(written).rollouts[1].latents[2]


def test_a_run_with_frames_is_another_run(written, tiny):
    with pytest.raises(InputError, match=r"layout\.frames: archive none, this run absent"):
        tiny.open(written)
