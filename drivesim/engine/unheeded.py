"""Parts of a scenario, and settings, that have no effect, because a set of checkpoints was not trained on them."""

from __future__ import annotations

from dataclasses import replace

from drivesim.engine.networks import sampled_students
from drivesim.engine.settings import EngineSettings
from drivesim.models.checkpoints.files import config_of
from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.scenario import Scenario


def heeded_settings(settings: EngineSettings, checkpoints: CheckpointSet) -> EngineSettings:
    """Returns settings without what has no effect on rollouts with these checkpoints.

    Archives are identified by what is left, so that a new setting does not change those of earlier checkpoints.

    Raises:
        CheckpointError: The checkpoint of the prediction, or of a student, is missing or damaged.
    """
    settings = replace(settings, students=tuple(sampled_students(settings, checkpoints)))
    temporal = config_of(checkpoints.path("prediction")).get("temporal")
    knows_noise = isinstance(temporal, dict) and temporal.get("context_noise")
    return settings if knows_noise else replace(settings, context_noise=0.0)


def unheeded(scenario: Scenario, checkpoints: CheckpointSet) -> list[str]:
    """Returns a sentence for each part of a scenario that has no effect on what these checkpoints draw.

    Raises:
        CheckpointError: The image model's checkpoint is missing or damaged.
    """
    config = config_of(checkpoints.path("image"))
    said: dict[str, str] = {}
    colours = [box.colour for box in scenario.boxes or ()] + [actor.colour for actor in scenario.actors or ()]
    if not config.get("box_attributes"):
        if any(box.heading_deg is not None for box in scenario.boxes or ()):
            said["`heading_deg` of boxes"] = "the headings of vehicles"
        if any(colour is not None for colour in colours):
            said["`colour`"] = "the colours of vehicles"
    if scenario.road is not None and scenario.actors is not None and not config.get("road_raster"):
        said["`road`"] = "the lines and edges of the road; it only determines where the vehicles are"
    return [
        f"{what} has no effect on the picture: these checkpoints are not conditioned on {meaning}"
        for what, meaning in said.items()
    ]
