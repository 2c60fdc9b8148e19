"""Whether steered vehicles are where their boxes are, in every frame of an archive, as the vehicle detector sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from drivesim.archive import Archive, open_archive
from drivesim.archive.reader import Rollout
from drivesim.detection.adherence import MIN_IOU
from drivesim.detection.matching import match_boxes
from drivesim.engine import Engine
from drivesim.errors import InputError
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.geometry.boxes import iou_matrix
from drivesim.geometry.requestable import longer_side
from drivesim.models.checkpoints import VEHICLE_DETECTOR
from drivesim.models.vehicle_detector import detect_vehicles
from drivesim.rollout.archived import archived_scenario
from drivesim.scenario import Scenario
from drivesim.scenario.schema.scene import ActorView
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX, FRAME_WIDTH_PX

MIN_SIDE_PX = 40.0
_SOME_IOU = 0.05
_OVERLAP = (
    f"mean overlap of the boxes of at least {MIN_SIDE_PX:g} px with the detection that fits best, 0 without "
    "any, one to one, bootstrap over seconds"
)


@dataclass(frozen=True)
class _Outcome:
    """One box of one frame: its actor, second and future, whether a vehicle was found there, and its overlap."""

    actor: str
    steered: bool
    future: tuple[str, int]
    second: int
    found: bool
    iou: float


def steered_archives(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Returns the archives of steered scenarios, and a sentence about each other one.

    Raises:
        InputError: There is no such archive, or it was not made by a rollout.
        ArchiveError: An archive is damaged.
    """
    kept, others = [], []
    for path in paths:
        archive = open_archive(path)
        if _is_steered(archived_scenario(archive)):
            kept.append(path)
        else:
            others.append(_unsteered(archive))
    return kept, others


def steering_figures(engine: Engine, archives: Sequence[Path], on_progress: OnProgress) -> Iterator[Figure]:
    """Measures the fraction of the boxes of at least 40 px in which the vehicle detector finds a vehicle, and how much
    detections and boxes overlap.

    The groups are actors with a manoeuvre, the other actors, each actor, and each second of the future.

    Args:
        engine: Holds the vehicle detector.
        archives: Finished archives.
        on_progress: Is called with the progress of the work.

    Raises:
        InputError: An archive was not made by a rollout of a steered scenario.
    """
    opened = [open_archive(path) for path in archives]
    for archive in opened:
        archive.require_sound()
    scenarios = [_steered_scenario(archive) for archive in opened]
    futures = [(s, a, rollout) for s, a in zip(scenarios, opened, strict=True) for rollout in a.rollouts]
    outcomes: list[_Outcome] = []
    for done, (scenario, archive, rollout) in enumerate(futures, 1):
        outcomes += _outcomes(engine, scenario, archive, rollout)
        on_progress("reading futures", done, len(futures))
    protocol = _protocol(engine, opened)
    groups = {"actors with a manoeuvre": [o for o in outcomes if o.steered]}
    groups["other actors"] = [o for o in outcomes if not o.steered]
    for outcome in outcomes:
        name = f"{outcome.future[0]}: {outcome.actor}"
        groups.setdefault(name, []).append(outcome)
    for second in sorted({o.second for o in outcomes}):
        groups[f"second {second + 1}"] = [o for o in outcomes if o.second == second]
    overlap = replace(protocol, measure=_OVERLAP)
    for group, members in groups.items():
        yield _mean("found", group, members, [float(o.found) for o in members], protocol)
        yield _mean("iou", group, members, [o.iou for o in members], overlap)


def steering_subject(archives: Sequence[Path]) -> dict[str, str]:
    """Returns what is measured: the hash of what is committed of each future."""
    futures = [(archive.path.name, rollout) for archive in map(open_archive, archives) for rollout in archive.rollouts]
    return {f"{name}, future {rollout.future}": rollout.content_sha256 for name, rollout in futures}


def _outcomes(engine: Engine, scenario: Scenario, archive: Archive, rollout: Rollout) -> Iterator[_Outcome]:
    frames, scene, actors = rollout.frames, scenario.scene, scenario.actors
    assert scene is not None and actors is not None, "scenarios without steered actors are refused before"  # noqa: PT018
    for start in range(0, len(frames), archive.layout.frames_per_chunk):
        part = frames[start : min(len(frames), start + archive.layout.frames_per_chunk)]
        for offset, detections in enumerate(detect_vehicles(engine.networks.vehicle_detector, part)):
            time_s = (start + offset) / archive.layout.fps
            views = [view for view in scene.views(time_s) if view.may_be_requested]
            boxes = _boxes(views)
            partner = match_boxes(boxes, detections.xyxy, MIN_IOU)
            nearest = match_boxes(boxes, detections.xyxy, _SOME_IOU)
            overlap = iou_matrix(boxes, detections.xyxy)
            for place, (view, box) in enumerate(zip(views, boxes, strict=True)):
                if longer_side(box[None])[0] * FRAME_WIDTH_PX >= MIN_SIDE_PX:
                    yield _Outcome(
                        view.id,
                        actors[view.index].steered,
                        (scenario.name, rollout.future),
                        int(time_s),
                        bool(partner[place] >= 0),
                        float(overlap[place, nearest[place]]) if nearest[place] >= 0 else 0.0,
                    )


def _boxes(views: Sequence[ActorView]) -> np.ndarray:
    """The visible boxes `n 4`, in 0..1 of the frame."""
    return (np.array([view.visible_box for view in views]).reshape(-1, 4) / FRAME_EXTENT_PX).astype(np.float32)


def _mean(name: str, group: str, outcomes: Sequence[_Outcome], values: Sequence[float], protocol: Protocol) -> Figure:
    """The mean over boxes. Frames of one second are similar, so that the bootstrap draws whole seconds."""
    blocks = sorted({(o.future, o.second) for o in outcomes})
    place = {block: index for index, block in enumerate(blocks)}
    number = np.array([place[o.future, o.second] for o in outcomes], int)
    total, summed = np.bincount(number).astype(float), np.bincount(number, weights=values)
    return ratio_figure(name, group, summed, total, protocol, count=len(outcomes))


def _steered_scenario(archive: Archive) -> Scenario:
    scenario = archived_scenario(archive)
    if not _is_steered(scenario):
        raise InputError(_unsteered(archive))
    return scenario


def _is_steered(scenario: Scenario) -> bool:
    return scenario.scene is not None and scenario.scene.steered


def _unsteered(archive: Archive) -> str:
    return f"{archive.path}: no actor of its scenario has a manoeuvre, so no box was requested over time"


def _protocol(engine: Engine, archives: Sequence[Archive]) -> Protocol:
    config, layout = engine.networks.vehicle_detector.config, archives[0].layout
    if any((a.layout.fps, a.layout.frame_shape) != (layout.fps, layout.frame_shape) for a in archives):
        raise InputError("archives of different frame rates or sizes: measure them one by one")
    return Protocol(
        measure=f"part of the boxes of at least {MIN_SIDE_PX:g} px with a detection of any category, overlap of at "
        f"least {MIN_IOU}, bootstrap over seconds",
        network="vehicle detector",
        network_sha256=engine.checkpoints.sha256[VEHICLE_DETECTOR],
        num_samples=sum(len(archive.rollouts) for archive in archives),
        num_frames=max(rollout.num_committed_frames for archive in archives for rollout in archive.rollouts),
        fps=layout.fps,
        height=layout.frame_shape[0],
        width=layout.frame_shape[1],
        resize=f"area or bicubic to {config.height}x{config.width}",
        seeds=", ".join(str(archive.manifest.inputs["scenario"]["seed"]) for archive in archives),
        reference=", ".join(archive.provenance["scenario"]["name"] for archive in archives),
        settings="visible boxes of the scenario at the time of each frame",
    )
