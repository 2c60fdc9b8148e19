"""The image model whose frames an upsampler learns to enlarge, if the folder of checkpoints holds one.

An upsampler does not stand on it: it is not voided when the image model is trained on, and is trained without one.
"""

from __future__ import annotations

import logging
from typing import cast

from drivesim.errors import CheckpointError
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.models.stages import STAGES, STUDENT_OF
from drivesim.models.unet import UNet
from drivesim.training.preparation.request import StageRequest
from drivesim.training.stages.sampled_frames import ImageSampler

logger = logging.getLogger(__name__)


def image_sampler(request: StageRequest, autoencoder: Autoencoder) -> ImageSampler | None:
    """Loads the student of the image model, or else the image model, from the folder of checkpoints.

    Args:
        request: The stage that is to see sampled frames.
        autoencoder: The autoencoder that decodes them.

    Returns:
        The model, or None if there is none for the latents of this autoencoder, which a warning says.

    Raises:
        CheckpointError: The checkpoint of the model is damaged, or is not the one that the manifest names.
    """
    folder = request.checkpoints
    try:
        published = CheckpointSet.open(folder)
    except CheckpointError:  # files without a manifest may be of anything
        published = None
    role = None if published is None else _sampled_role(published)
    if published is None or role is None:
        logger.warning("%s: no image model in %s, so that no frames are sampled to train on", request.role, folder)
        return None
    network = cast(UNet, published.load(role))
    channels, expected = network.config.in_channels, autoencoder.config.latent_channels
    if channels != expected:
        logger.warning(
            "%s: %s is for %d latent channels and the autoencoder has %d, so that no frames are sampled to train on",
            request.role,
            published.path(role),
            channels,
            expected,
        )
        return None
    return ImageSampler(network, request.preset.denoiser(role), STAGES[role].num_steps)


def _sampled_role(published: CheckpointSet) -> str | None:
    """The student of the image model if it belongs to that model, or else the image model; None without a file."""
    there = {role for role in published.sha256 if published.path(role).is_file()}
    if STUDENT_OF["image"] in there:
        student = published.student_of("image")
        if student is not None:
            return student
    return "image" if "image" in there else None
