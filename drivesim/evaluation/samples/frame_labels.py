"""Labels of the frames of an archive: what its scenario requested, and what the vehicle detector finds in them.

Two documents, never mixed up: a vehicle that was asked for need not be there, and one that is there need not have been
asked for.
"""

from __future__ import annotations

from typing import Any

from drivesim.archive import Archive
from drivesim.archive.reader import Rollout
from drivesim.models.vehicle_detector import VehicleReader, read_vehicles
from drivesim.rollout.job import archived_scenario
from drivesim.scenario.interchange.coco import coco, coco_document, corner_and_size
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX


def requested_labels(archive: Archive, rollout: Rollout, folder: str) -> dict[str, Any]:
    """A COCO document of what the scenario asks for in each committed frame, its pictures in `folder`.

    The first frame alone where no actor is steered.
    """
    return coco(archived_scenario(archive), archive.layout.fps, folder, rollout.num_committed_frames)


def detected_labels(archive: Archive, rollout: Rollout, reader: VehicleReader, folder: str) -> dict[str, Any]:
    """A COCO document of what the vehicle detector finds in each committed frame, each with its `score`."""
    frames, step = rollout.frames, archive.layout.frames_per_chunk
    annotations: list[list[dict[str, Any]]] = []
    for start in range(0, len(frames), step):
        for found in read_vehicles(reader, frames[start : min(len(frames), start + step)]):
            rows = zip(found.xyxy * FRAME_EXTENT_PX, found.category, found.score, strict=True)
            annotations.append(
                [
                    {"category_id": int(category), "bbox": corner_and_size(box), "score": round(float(score), 4)}
                    for box, category, score in rows
                ]
            )
    times = [number / archive.layout.fps for number in range(len(annotations))]
    return coco_document(folder, times, annotations, "detected: what the vehicle detector finds in the frames")
