"""Labels of the frames of an archive: what its scenario requested, and what the vehicle reader detects in them.

Two documents, never mixed up: a vehicle that was asked for need not be there, and one that is there need not have been
asked for.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from drivesim.archive import Archive
from drivesim.archive.reader import Rollout
from drivesim.errors import InputError
from drivesim.models.reader import VehicleReader, read_vehicles
from drivesim.scenario import Scenario
from drivesim.scenario.coco import coco, coco_document, corner_and_size
from drivesim.scenario.vocabulary import FRAME_HEIGHT_PX, FRAME_WIDTH_PX

_EXTENT = np.array([FRAME_WIDTH_PX, FRAME_HEIGHT_PX] * 2)


def archived_scenario(archive: Archive) -> Scenario:
    """The scenario that an archive was made of; InputError where there is none."""
    try:
        return Scenario.model_validate_json(json.dumps(archive.provenance["scenario"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{archive.path}: was not made by a rollout of this drivesim") from None


def requested_labels(archive: Archive, rollout: Rollout, folder: str) -> dict[str, Any]:
    """A COCO document of what the scenario asks for in each committed frame, its pictures in `folder`.

    The first frame alone where no actor is steered.
    """
    return coco(archived_scenario(archive), archive.layout.fps, folder, rollout.num_committed_frames)


def detected_labels(archive: Archive, rollout: Rollout, reader: VehicleReader, folder: str) -> dict[str, Any]:
    """A COCO document of what the reader finds in each committed frame, each with its `score`."""
    frames, step = rollout.frames, archive.layout.frames_per_chunk
    annotations: list[list[dict[str, Any]]] = []
    for start in range(0, len(frames), step):
        for found in read_vehicles(reader, frames[start : min(len(frames), start + step)]):
            rows = zip(found.xyxy * _EXTENT, found.category, found.score, strict=True)
            annotations.append(
                [
                    {"category_id": int(category), "bbox": corner_and_size(box), "score": round(float(score), 4)}
                    for box, category, score in rows
                ]
            )
    times = [number / archive.layout.fps for number in range(len(annotations))]
    return coco_document(folder, times, annotations, "detected: what the vehicle reader finds in the frames")
