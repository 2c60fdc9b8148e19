"""The detections of the vehicle detector in one frame, compared with the requested vehicles, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from drivesim.detection.adherence import Adherence, adherence
from drivesim.engine.engine import Engine
from drivesim.models.checkpoints import VEHICLE_DETECTOR
from drivesim.models.vehicle_detector import detect_vehicles
from drivesim.scenario import SceneLayout
from drivesim.scenario.schema.vocabulary import CATEGORIES


def frame_findings(engine: Engine, frame: np.ndarray, layout: SceneLayout | None) -> dict[str, Any] | None:
    """Returns the requested and the detected vehicles of a frame, or None if there is no vehicle detector.

    Boxes are `xyxy` in 0..1.

    Args:
        engine: The models.
        frame: Pixels, uint8 `h w 3` RGB.
        layout: The requested vehicles; None if nothing was requested.

    Returns:
        `requested` lists each box of the layout with its `outcome` ("found", "wrong category" or "missing"). `detected`
        lists each detection with its `score` and `role`: "requested", "misplaced", "unasked", or None if nothing was
        requested or the detection is too small to be requested.
    """
    if VEHICLE_DETECTOR not in engine.checkpoints.roles:
        return None
    detected = detect_vehicles(engine.networks.vehicle_detector, frame[None])[0]
    roles: list[str | None] = [None] * len(detected)
    requested = []
    if layout is not None:
        compared = adherence(layout, detected)
        roles = _roles(compared)
        requested = [
            {**_vehicle(box, category), "outcome": outcome}
            for box, category, outcome in zip(layout.xyxy, layout.category, compared.outcome, strict=True)
        ]
    found = zip(detected.xyxy, detected.category, detected.score, roles, strict=True)
    return {
        "requested": requested,
        "detected": [
            {**_vehicle(box, category), "score": round(float(score), 3), "role": role}
            for box, category, score, role in found
        ],
    }


def _roles(compared: Adherence) -> list[str | None]:
    partners = set(compared.partner.tolist())
    marks = zip(compared.unasked.tolist(), compared.misplaced.tolist(), strict=True)
    return [
        "requested" if index in partners else "unasked" if unasked else "misplaced" if misplaced else None
        for index, (unasked, misplaced) in enumerate(marks)
    ]


def _vehicle(xyxy: np.ndarray, category: int) -> dict[str, Any]:
    return {"category": CATEGORIES[category], "xyxy": [round(float(edge), 5) for edge in xyxy]}
