"""Stage `layouts`: collects the layouts of recorded frames by crowdedness; no network is trained."""

from __future__ import annotations

import numpy as np

from drivesim.data.clips import clip_places
from drivesim.data.packed import PackedFootage
from drivesim.models.checkpoints.publishing import publish_checkpoint
from drivesim.models.layout_prior import LayoutPrior
from drivesim.models.stages import LAYOUTS
from drivesim.training.loop.distributed import rank
from drivesim.training.preparation.footage import packed_footage
from drivesim.training.preparation.request import OnProgress, StageRequest

LAYOUTS_PER_LEVEL = 192


def collect_layouts(request: StageRequest, on_progress: OnProgress) -> None:
    """Collects layouts from the training logs of a request, and publishes them in its folder of checkpoints.

    Raises:
        FootageError: There is no footage for training.
    """
    prior = layout_prior(packed_footage(request, on_progress), request.seed)
    if rank() == 0:
        publish_checkpoint(request.checkpoints, request.preset, LAYOUTS, prior)


def layout_prior(footage: PackedFootage, seed: int = 0, layouts_per_level: int = LAYOUTS_PER_LEVEL) -> LayoutPrior:
    """Returns the layouts of up to `layouts_per_level` training frames of each crowdedness, drawn evenly.

    Raises:
        FootageError: No log is for training.
    """
    frames = clip_places(footage, "train", None, 1, labelled=True).starts.numpy()
    crowdedness, rng = footage.columns.crowdedness[frames], np.random.default_rng(seed)
    chosen = np.concatenate(
        [rng.permutation(frames[crowdedness == level])[:layouts_per_level] for level in np.unique(crowdedness)]
    )
    columns = footage.columns
    return LayoutPrior.of(columns.boxes[chosen], columns.category[chosen], columns.crowdedness[chosen])
