"""A discriminator made of small heads on the features of a frozen network, and its losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from drivesim.models.layers import normalisation


class FeatureHeads(nn.Module):
    """Judges activations of each depth of a frozen network position by position.

    The frozen network is the diffusion model that is to be fooled, as it was before: what it knows of real latents
    need not be learnt again (Lin et al., 2025, "Diffusion Adversarial Post-Training for One-Step Video Generation").
    """

    def __init__(self, widths: Sequence[int], channels: int = 96, see_changes: bool = False) -> None:
        """Builds one head per depth.

        Args:
            widths: Number of channels of the activations of each depth.
            channels: Number of channels inside the heads.
            see_changes: Whether heads see how activations change from frame to frame beside the activations. Without
                that, clips whose frames are sharp but hardly move are seldom told from real ones.
        """
        super().__init__()
        self.see_changes = see_changes
        self.heads = nn.ModuleList(_head(2 * width if see_changes else width, channels) for width in widths)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps activations `b t c h w` of each depth to logits `(b t) 1 h w`, which are high for real latents."""
        if self.see_changes:
            features = [torch.cat([x, changes(x)], 2) for x in features]
        return [head(x.flatten(0, 1)) for head, x in zip(self.heads, features, strict=True)]


def changes(frames: Tensor) -> Tensor:
    """Returns the difference of each frame of clips `b t ...` to the one before it, which is zero for the first."""
    return torch.diff(frames, dim=1, prepend=frames[:, :1])


def real_loss(logits: Sequence[Tensor]) -> Tensor:
    """Returns the logistic loss of logits of each depth that should be high."""
    return _mean([softplus(-part) for part in logits])


def fake_loss(logits: Sequence[Tensor]) -> Tensor:
    """Returns the logistic loss of logits of each depth that should be low."""
    return _mean([softplus(part) for part in logits])


def unsteadiness(logits: Sequence[Tensor], of_shaken: Sequence[Tensor]) -> Tensor:
    """Returns the mean squared change of logits of each depth when real latents are shaken by a little noise.

    As a penalty it keeps the gradient of the discriminator at real latents small without second derivatives (the
    approximated R1 of Lin et al., 2025).
    """
    return _mean([(part - other).square() for part, other in zip(logits, of_shaken, strict=True)])


def _mean(parts: Sequence[Tensor]) -> Tensor:
    """The mean over depths of the means over positions, so that all depths count alike."""
    return torch.stack([part.mean() for part in parts]).mean()


def _head(width: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        normalisation("group", width),
        nn.Conv2d(width, channels, 3, padding=1),
        nn.SiLU(),
        normalisation("group", channels),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(channels, 1, 1),
    )
