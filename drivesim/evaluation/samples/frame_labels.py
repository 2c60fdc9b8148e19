"""Labels of the frames of an archive: what its scenario requested, and what the vehicle detector finds in them.

These are two documents and are never mixed: a vehicle that was requested need not be there, and one that is there need
not have been requested.
"""

from __future__ import annotations

from typing import Any

from drivesim.archive import Archive
from drivesim.archive.reader import Rollout
from drivesim.models.vehicle_detector import VehicleDetector, detect_vehicles
from drivesim.rollout.archived import archived_scenario
from drivesim.scenario.interchange.coco import category_id, coco, coco_document, corner_and_size
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX


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
                    {
                        "category_id": category_id(category),
                        "bbox": corner_and_size(box),
                        "score": round(float(score), 4),
                    }
                    for box, category, score in rows
                ]
            )
    times = [number / archive.layout.fps for number in range(len(annotations))]
    return coco_document(folder, times, annotations, "detected: what the vehicle detector finds in the frames")
