"""Labels of the frames of an archive: what its scenario requested, and what the vehicle detector finds in them.

These are two documents and are never mixed: a vehicle that was requested need not be there, and one that is there need
not have been requested.
"""

from __future__ import annotations

import json
from typing import Any

from drivesim.archive import Archive
from drivesim.archive.reader import Rollout
from drivesim.errors import InputError
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles
from drivesim.scenario import Scenario
from drivesim.scenario.interchange.coco import coco, coco_document, corner_and_size
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX


def archived_scenario(archive: Archive) -> Scenario:
    """Returns the scenario that an archive was made from.

    Raises:
        InputError: The archive holds none.
    """
    try:
        return Scenario.model_validate_json(json.dumps(archive.provenance["scenario"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{archive.path}: was not made by a rollout of this drivesim") from None


def requested_labels(archive: Archive, rollout: Rollout, folder: str) -> dict[str, Any]:
    """Returns a COCO document of what the scenario requests in each committed frame, whose pictures lie in `folder`.

    If no actor is steered, only the first frame has labels.
    """
    return coco(archived_scenario(archive), archive.layout.fps, folder, rollout.num_committed_frames)


def detected_labels(archive: Archive, rollout: Rollout, detector: VehicleDetector, folder: str) -> dict[str, Any]:
    """Returns a COCO document of what the vehicle detector finds in each committed frame, with a `score` each."""
    frames, step = rollout.frames, archive.layout.frames_per_chunk
    annotations: list[list[dict[str, Any]]] = []
    for start in range(0, len(frames), step):
        for found in detect_vehicles(detector, frames[start : min(len(frames), start + step)]):
            rows = zip(found.xyxy * FRAME_EXTENT_PX, found.category, found.score, strict=True)
            annotations.append(
                [
                    {"category_id": int(category), "bbox": corner_and_size(box), "score": round(float(score), 4)}
                    for box, category, score in rows
                ]
            )
    times = [number / archive.layout.fps for number in range(len(annotations))]
    return coco_document(folder, times, annotations, "detected: what the vehicle detector finds in the frames")
