"""COCO (Lin et al., 2014): one JSON file of images, annotations and categories; boxes are x y width height.

Images with `video_id` and `frame_id` (as in CocoVID) are sequences, others are stills. The categories of the file
define the category numbers. Annotations of crowds are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from drivesim.data.ingest.formats.categories import vehicle_category
from drivesim.data.ingest.formats.tables import box_of, field_of, inside, json_document
from drivesim.data.ingest.recording import PictureFiles, Recording, Rejected, SourceVehicle

_FRAME_NUMBERS = ("frame_id", "frame_index")
_TRACKS = ("track_id", "instance_id")
_KEY = (int, str)


def recordings(path: Path, pictures: Path, source_fps: float | None = None) -> Iterator[Recording | Rejected]:
    """Yields one recording of all stills of a file, and one per sequence, whose frame rate is `source_fps`."""
    document = json_document(path)
    vehicles = _vehicles_of_images(document, path)
    stills: list[dict[str, Any]] = []
    sequences: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for image in field_of(document, "images", path, list):
        if isinstance(image, dict) and "video_id" in image:
            sequences[field_of(image, "video_id", path, _KEY)].append(image)
        else:
            stills.append(image)
    # Frames of one size follow each other, because all frames of a drive log have the same size.
    stills.sort(key=lambda image: (field_of(image, "width", path, int), field_of(image, "height", path, int)))
    if stills:
        yield _recording(path.stem, path, stills, pictures, vehicles, None)
    names = {
        field_of(video, "id", path, _KEY): str(video.get("name"))
        for video in (field_of(document, "videos", path, list) if "videos" in document else ())
    }
    for video, images in sequences.items():
        name = names.get(video, f"{path.stem}_{video}")
        if source_fps is None:
            yield Rejected(name, f"{path}: COCO does not say the rate of its sequences; give it with --source-fps")
            continue
        images.sort(key=lambda image: _frame_number(image, path))
        times = tuple(_frame_number(image, path) / source_fps for image in images)
        yield _recording(name, path, images, pictures, vehicles, times)


def _recording(
    name: str,
    path: Path,
    images: Sequence[dict[str, Any]],
    pictures: Path,
    vehicles: dict[Any, list[SourceVehicle]],
    times: tuple[float, ...] | None,
) -> Recording:
    paths = tuple(inside(pictures, image.get("file_name"), path) for image in images)
    media = PictureFiles(paths, times or tuple(map(float, range(len(paths)))), stills=times is None)
    ids = [field_of(image, "id", path, _KEY) for image in images]
    by_number = {number: tuple(vehicles.get(image_id, ())) for number, image_id in enumerate(ids)}
    return Recording(name, "coco", media, by_number)


def _vehicles_of_images(document: Any, path: Path) -> dict[Any, list[SourceVehicle]]:
    categories = {
        field_of(category, "id", path, _KEY): vehicle_category(str(category.get("name")))
        for category in field_of(document, "categories", path, list)
    }
    tracks: dict[tuple[str, object], int] = {}
    found: dict[Any, list[SourceVehicle]] = defaultdict(list)
    for annotation in field_of(document, "annotations", path, list):
        category = categories.get(field_of(annotation, "category_id", path, _KEY))
        if category is None or annotation.get("iscrowd"):
            continue
        x, y, width, height = _four(field_of(annotation, "bbox", path, list), path)
        box = box_of((x, y, x + width, y + height), path)
        if box is None:
            continue
        name = next((name for name in _TRACKS if name in annotation), None)
        key = ("annotation", len(tracks)) if name is None else ("track", field_of(annotation, name, path, _KEY))
        track = tracks.setdefault(key, len(tracks))
        found[field_of(annotation, "image_id", path, _KEY)].append(SourceVehicle(track, category, box))
    return found


def _four(values: list[Any], path: Path) -> list[float]:
    box_of(values, path)
    return [float(value) for value in values]


def _frame_number(image: dict[str, Any], path: Path) -> int:
    name = next((name for name in _FRAME_NUMBERS if name in image), _FRAME_NUMBERS[0])
    return field_of(image, name, path, int)
