"""Which conditions guidance strengthens, and how strongly by default when a model is sampled.

Sampling and the training of few-step students, which imitate guided models, both go by these.
"""

from __future__ import annotations

from dataclasses import dataclass

GUIDED = ("boxes", "box_headings", "box_colours", "road", "time_of_day", "crowdedness")
"""The conditions that classifier-free guidance strengthens."""


@dataclass(frozen=True)
class GuidanceWeights:
    """The weights of guidance; a weight of 1 changes nothing and costs nothing.

    Attributes:
        scene: Weight of the conditions in `GUIDED` (classifier-free guidance).
        context: Weight of the context frames (Video LDM, Eq. 4).
        rescale: Fraction of the added contrast that is removed again, 0 to 1 (Lin et al., 2024).
    """

    scene: float = 1.0
    context: float = 1.0
    rescale: float = 0.7


GUIDANCE = {
    "image": GuidanceWeights(scene=6.0),
    "prediction": GuidanceWeights(context=2.0),
    "interpolation": GuidanceWeights(),
    "image_few_steps": GuidanceWeights(scene=2.0, rescale=0.0),
}
"""The default weights of each latent diffusion model; other students are not guided."""
