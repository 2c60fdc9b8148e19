"""Stage `layouts`: collects the layouts of recorded frames by crowdedness. No network is trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drivesim.data.clips import clip_places
from drivesim.data.packed import PackedFootage
from drivesim.models.checkpoints import LAYOUTS, publish_checkpoint
from drivesim.models.layout_prior import LayoutPrior
from drivesim.training.loop.distributed import rank
from drivesim.training.stages.stages import StageRequest, packed_footage

LAYOUTS_A_LEVEL = 192


def collect_layouts(request: StageRequest, on_progress: Callable[[str, int, int], None]) -> None:
    """Writes the checkpoint `layouts` from the training logs of a request, and the manifest of its folder."""
    prior = layout_prior(packed_footage(request, on_progress), request.seed)
    if rank() == 0:
        publish_checkpoint(request.checkpoints, request.preset, LAYOUTS, prior)


def layout_prior(footage: PackedFootage, seed: int = 0, layouts_a_level: int = LAYOUTS_A_LEVEL) -> LayoutPrior:
    """The layouts of up to `layouts_a_level` training frames of each crowdedness, drawn evenly.

    Raises FootageError where no log is for training.
    """
    frames = clip_places(footage, "train", None, 1, labelled=True).starts.numpy()
    crowdedness, rng = footage.columns.crowdedness[frames], np.random.default_rng(seed)
    chosen = np.concatenate(
        [rng.permutation(frames[crowdedness == level])[:layouts_a_level] for level in np.unique(crowdedness)]
    )
    columns = footage.columns
    return LayoutPrior.of(columns.boxes[chosen], columns.category[chosen], columns.crowdedness[chosen])
