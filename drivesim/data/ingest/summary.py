"""Summary of an ingest: figures of all drive logs of a folder, and a contact sheet."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drivesim import durable
from drivesim.archive.sealed_json import canonical_json
from drivesim.data.columns import FrameColumns, VehicleColumns
from drivesim.data.drive_log import DriveLog, list_drive_logs
from drivesim.data.drive_log_labels import DriveLogLabels, FrameLabel
from drivesim.data.ingest.session import Ingested
from drivesim.data.publishing import writing
from drivesim.errors import FootageError
from drivesim.scenario.previews.drawing import draw_text
from drivesim.wording import counted

SUMMARY_FILE, SHEET_FILE = "summary.json", "contact_sheet.png"
_TILE_WIDTH, _COLUMNS, _MAX_TILES = 320, 4, 40
_CROWDEDNESS_BINS = (0, 1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Summary:
    """Figures of the drive logs of a folder.

    Attributes:
        logs: Number of drive logs.
        hours: Hours of all logs.
        frames: Number of frames of all logs.
        boxes: Number of boxes in all logs.
        fps: Hours by frame rate.
        time_of_day: Hours of `day`, `night` and `unknown`.
        vehicles: Hours by origin of the vehicle labels.
        ego_motion: Hours by origin of the ego motion.
        crowdedness: Number of labelled frames by number of vehicles in view, from `0` to `16+`.
        rejected: Reasons by rejected recording.
        partly: Problems by recording that gave drive logs nevertheless.
    """

    hours: float
    logs: int
    frames: int
    boxes: int
    fps: dict[str, float]
    time_of_day: dict[str, float]
    vehicles: dict[str, float]
    ego_motion: dict[str, float]
    crowdedness: dict[str, int]
    repeated_frames: int
    largest_offset_s: float
    rejected: dict[str, str]
    partly: dict[str, tuple[str, ...]]

    def as_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON data."""
        return {
            **{name: value for name, value in self.__dict__.items() if name != "partly"},
            "partly": {name: list(problems) for name, problems in self.partly.items()},
        }


def summarized(out: Path, ingested: Sequence[Ingested]) -> Summary:
    """Returns the figures of all drive logs in `out`, with the results of this ingest by recording."""
    rates, days, vehicles, motion = (defaultdict[str, float](float) for _ in range(4))
    crowdedness: Counter[str] = Counter()
    hours, frames, boxes, logs = 0.0, 0, 0, 0
    for folder in list_drive_logs(out):
        labels = DriveLog.open(folder).labels
        length = len(labels.frames) / labels.fps / 3600
        provenance = labels.provenance
        logs, frames, hours = logs + 1, frames + len(labels.frames), hours + length
        rates[f"{labels.fps:g}"] += length
        days[labels.time_of_day or "unknown"] += length
        vehicles[(provenance and provenance.vehicles) or "none"] += length
        motion[(provenance and provenance.ego_motion) or "none"] += length
        boxes += sum(len(frame.vehicles or ()) for frame in labels.frames)
        crowdedness.update(_bin(count) for count in _vehicles_in_view(labels) if count >= 0)
    counts = [item.counts for item in ingested]
    return Summary(
        hours=round(hours, 4),
        logs=logs,
        frames=frames,
        boxes=boxes,
        fps=_rounded(rates),
        time_of_day=_rounded(days),
        vehicles=_rounded(vehicles),
        ego_motion=_rounded(motion),
        crowdedness={name: crowdedness[name] for name in _bins() if crowdedness[name]},
        repeated_frames=int(sum(count.get("repeated", 0) for count in counts)),
        largest_offset_s=round(max((count.get("largest_offset_s", 0.0) for count in counts), default=0.0), 4),
        rejected={item.name: "; ".join(item.problems) for item in ingested if item.state == "rejected"},
        partly={item.name: item.problems for item in ingested if item.state == "partly"},
    )


def write_summary(summary: Summary, out: Path) -> Path:
    """Writes the figures into the folder as JSON and returns the path of the file."""
    path = out / SUMMARY_FILE
    with writing(path):
        durable.write_changed_file(path, canonical_json(summary.as_json()))
    return path


def write_contact_sheet(out: Path) -> Path | None:
    """Writes a picture of frames from across the drive logs, with their boxes; returns None if there are no logs."""
    folders = list_drive_logs(out)
    if not folders:
        return None
    tiles: list[np.ndarray] = []
    for folder, count in zip(folders, _shares(len(folders)), strict=True):
        tiles += _tiles(DriveLog.open(folder), count)
    blank = np.zeros_like(tiles[0])
    rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    sheet = np.concatenate([np.concatenate([*row, *[blank] * (_COLUMNS - len(row))], axis=1) for row in rows])
    ok, content = cv2.imencode(".png", sheet[..., ::-1])
    if not ok:
        raise FootageError(f"{out / SHEET_FILE}: the picture cannot be encoded")
    with writing(out / SHEET_FILE):
        durable.write_changed_file(out / SHEET_FILE, content.tobytes())
    return out / SHEET_FILE


def _shares(logs: int) -> list[int]:
    """Returns the number of tiles of each log; if there are too few tiles, evenly spread logs get one each."""
    edges = [round(i * _MAX_TILES / logs) for i in range(logs + 1)]
    shares = [min(4, stop - start) for start, stop in itertools.pairwise(edges)]
    return shares if any(shares) else [1, *[0] * (logs - 1)]


def _tiles(log: DriveLog, count: int) -> Iterable[np.ndarray]:
    """Yields evenly spread frames of a log with their boxes, the name of the log and their labels."""
    for number in range(count):
        index = (2 * number + 1) * log.num_frames // (2 * count)
        frame, label = log.read(index, index + 1)[0].copy(), log.labels.frames[index]
        for vehicle in label.vehicles or ():
            x0, y0, x1, y1 = (round(edge) for edge in vehicle.box)
            cv2.rectangle(frame, (x0, y0), (x1, y1), (255, 220, 0), max(1, frame.shape[1] // 400))
        tile = cv2.resize(frame, (_TILE_WIDTH, _TILE_WIDTH // 2), interpolation=cv2.INTER_AREA)
        for text, row in ((f"{log.name} {label.time_s:.1f} s", 12), (_known(log, label), _TILE_WIDTH // 2 - 6)):
            draw_text(tile, text, (4, row), (255, 255, 255), 0.36)
        yield tile


def _known(log: DriveLog, label: FrameLabel) -> str:
    known: list[str] = [log.labels.time_of_day or "day or night?"]
    known.append("no boxes" if label.vehicles is None else counted(len(label.vehicles), "vehicle"))
    if label.ego_speed_mps is not None:
        known.append(f"{label.ego_speed_mps:.1f} m/s")
    if label.ego_yaw_rate_radps is not None:
        known.append(f"{label.ego_yaw_rate_radps:+.2f} rad/s")
    return ", ".join(known)


def _vehicles_in_view(labels: DriveLogLabels) -> np.ndarray:
    """Returns the crowdedness of each frame, on which models are conditioned; -1 without vehicle labels."""
    frames = len(labels.frames)
    columns = VehicleColumns.of(labels.frames, labels.width, labels.height)
    return FrameColumns.of(columns, np.full(frames, -1), np.full((frames, 2), np.nan)).crowdedness


def _bins() -> list[str]:
    names = []
    for low, high in itertools.pairwise(_CROWDEDNESS_BINS):
        names.append(f"{low}" if high == low + 1 else f"{low}-{high - 1}")
    return [*names, f"{_CROWDEDNESS_BINS[-1]}+"]


def _bin(count: int) -> str:
    return _bins()[sum(count >= edge for edge in _CROWDEDNESS_BINS) - 1]


def _rounded(hours: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in sorted(hours.items())}
