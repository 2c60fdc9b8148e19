"""BDD100K and other data sets in the Scalabel format: JSON files of labelled pictures, single ones or sequences.

A frame with `videoName` belongs to a sequence, in the order of `frameIndex`. Its time is `timestamp` (milliseconds), or
follows from the frame rate of BDD100K's tracking pictures, 5 per second. Other frames are stills. In `box2d`, x2 and y2
are the last pixels inside the box. The folder of pictures holds a picture as `NAME` or as `VIDEO/NAME`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from drivesim.data.ingest.formats.categories import vehicle_category
from drivesim.data.ingest.formats.tables import box_of, field_of, inside, json_array, json_document
from drivesim.data.ingest.media.files import open_regular
from drivesim.data.ingest.recording import PictureFiles, Recording, Rejected, SourceVehicle
from drivesim.errors import FootageError
from drivesim.scenario.schema.vocabulary import TimeOfDay

BDD100K_TRACKING_FPS = 5.0
_TIMES_OF_DAY: dict[str, TimeOfDay] = {"daytime": "day", "day": "day", "night": "night"}
_NEITHER = "dawn/dusk"


def recordings(path: Path, pictures: Path, source_fps: float | None = None) -> Iterator[Recording | Rejected]:
    """Yields one recording per sequence in the label files at or under `path`, and one per time of day of the stills.

    Args:
        path: Label file, or a folder of label files.
        pictures: Folder of pictures.
        source_fps: Frame rate of sequences without `timestamp`, instead of that of BDD100K.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    if not files:
        raise FootageError(f"{path}: no label files here (*.json)")
    for file in files:
        try:
            yield from _recordings_of(file, pictures, source_fps or BDD100K_TRACKING_FPS)
        except FootageError as error:
            yield Rejected(file.stem, str(error))


def _recordings_of(file: Path, pictures: Path, fps: float) -> Iterator[Recording]:
    sequences: dict[str, list[dict[str, Any]]] = defaultdict(list)
    stills: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for frame in _frames(file):
        # BDD100K and newer Scalabel files spell this field differently.
        video = frame.get("videoName") or frame.get("video_name")
        if video:
            sequences[str(video)].append(frame)
        else:
            stills[_time_of_day(frame)].append(frame)
    for video, frames in sequences.items():
        frames.sort(key=lambda frame: _index(frame, file))
        yield _recording(video, file, frames, pictures, _times(frames, file, fps), _time_of_day(frames[0]))
    for word, frames in stills.items():
        name = f"{file.stem}_{word.replace('/', '_') or 'unknown'}"
        yield _recording(name, file, frames, pictures, None, word)


def _frames(file: Path) -> Iterator[dict[str, Any]]:
    """Yields the frames of a label file, which is an array of frames or an object that holds one."""
    with open_regular(file) as opened:
        starts_array = opened.read(64).lstrip()[:1] == b"["
    if starts_array:
        yield from json_array(file)
        return
    frames = field_of(json_document(file), "frames", file, list)
    for frame in frames:
        if not isinstance(frame, dict):
            raise FootageError(f"{file}: expected frames to be objects")
        yield frame


def _recording(
    name: str,
    file: Path,
    frames: Sequence[dict[str, Any]],
    pictures: Path,
    times: tuple[float, ...] | None,
    time_of_day: str,
) -> Recording:
    tracks: dict[str, int] = {}
    vehicles = {
        number: tuple(_vehicles(frame, file, tracks, still=times is None)) for number, frame in enumerate(frames)
    }
    paths = tuple(_picture(frame, pictures, file) for frame in frames)
    media = PictureFiles(paths, times or tuple(map(float, range(len(paths)))), stills=times is None)
    return Recording(
        name,
        "scalabel",
        media,
        vehicles,
        time_of_day=_TIMES_OF_DAY.get(time_of_day),
        between_day_and_night=time_of_day == _NEITHER,
    )


def _vehicles(frame: dict[str, Any], file: Path, tracks: dict[str, int], still: bool) -> Iterator[SourceVehicle]:
    for label in field_of(frame, "labels", file, list) if frame.get("labels") is not None else ():
        category = vehicle_category(str(field_of(label, "category", file)))
        attributes = field_of(label, "attributes", file, dict) if label.get("attributes") is not None else {}
        if category is None or label.get("box2d") is None or attributes.get("crowd"):
            continue
        edges = label["box2d"]
        x1, y1, x2, y2 = (field_of(edges, name, file, (int, float)) for name in ("x1", "y1", "x2", "y2"))
        box = box_of((x1, y1, x2 + 1, y2 + 1), file)
        if box is None:
            continue
        key = f"{frame.get('name')} {label.get('id')}" if still else str(label.get("id"))
        track = tracks.setdefault(key, len(tracks))
        occluded = attributes.get("occluded", attributes.get("Occluded"))
        yield SourceVehicle(track, category, box, visible_fraction=1.0 if occluded is False else None)


def _picture(frame: dict[str, Any], pictures: Path, file: Path) -> Path:
    name = field_of(frame, "name", file, str)
    flat = inside(pictures, name, file)
    video = frame.get("videoName") or frame.get("video_name")
    if video and not flat.is_file():
        return inside(pictures, f"{video}/{name}", file)
    return flat


def _times(frames: Sequence[dict[str, Any]], file: Path, fps: float) -> tuple[float, ...]:
    found = [frame.get("timestamp") for frame in frames]
    stamps = [stamp for stamp in found if isinstance(stamp, int | float)]
    if len(set(stamps)) == len(frames):
        return tuple((stamp - stamps[0]) / 1000 for stamp in stamps)
    first = _index(frames[0], file)
    return tuple((_index(frame, file) - first) / fps for frame in frames)


def _index(frame: dict[str, Any], file: Path) -> int:
    return field_of(frame, "frameIndex" if "frameIndex" in frame else "index", file, int)


def _time_of_day(frame: dict[str, Any]) -> str:
    attributes = frame.get("attributes")
    return str(attributes.get("timeofday", "")) if isinstance(attributes, dict) else ""
