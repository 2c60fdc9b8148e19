"""CVAT for video, XML 1.1: tracks of boxes over the frames of a video, or of the pictures exported with them.

Frame numbers count frames of the video, even if a task has only every n-th frame or begins later; frames that are not
part of the task are not annotated. Missing boxes between two given boxes are interpolated, as in CVAT. A box with
`outside` means that the vehicle is no longer in view from that frame on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from drivesim.data.drive_log_labels import Box
from drivesim.data.ingest.formats.categories import vehicle_category
from drivesim.data.ingest.formats.tables import box_of, inside
from drivesim.data.ingest.formats.xml_file import attribute_number, read_xml_file
from drivesim.data.ingest.media.pictures import EXTENSIONS
from drivesim.data.ingest.recording import PictureFiles, Recording, Rejected, SourceVehicle, VideoFile
from drivesim.errors import FootageError

_STEP = re.compile(r"step\s*=\s*(\d+)")
_PICTURE = re.compile(r"frame_(\d+)")


@dataclass(frozen=True)
class _Shape:
    """The box of a track in one frame."""

    frame: int
    box: Box
    outside: bool
    occluded: bool


def recordings(
    path: Path, media: Path | None = None, source_fps: float | None = None
) -> Iterator[Recording | Rejected]:
    """Yields one recording per XML file at or under `path`.

    Args:
        path: XML file, or a folder of XML files.
        media: Video, or folder of the exported pictures; by default the video that the file names, or the folder
            `images`, beside the file.
        source_fps: Frame rate of exported pictures.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.xml"))
    if not files:
        raise FootageError(f"{path}: no annotations here (*.xml)")
    for file in files:
        try:
            yield _recording(file, media, source_fps)
        except FootageError as error:
            yield Rejected(file.stem, str(error))


def _recording(file: Path, media: Path | None, source_fps: float | None) -> Recording:
    root = read_xml_file(file)
    if root.tag != "annotations" or root.find("image") is not None:
        raise FootageError(f"{file}: expected annotations of `CVAT for video`")
    annotated, notes = _annotated_frames(root, file), []
    vehicles: dict[int, list[SourceVehicle]] = {}
    for number, track in enumerate(root.findall("track")):
        category = vehicle_category(track.get("label", ""))
        if category is None:
            continue
        shapes = _shapes(track, file)
        if not shapes:
            notes.append(f"track {track.get('id')} has no boxes, left out")
        for shape in _every_frame(shapes, annotated):
            fraction = None if shape.occluded else 1.0
            vehicle = SourceVehicle(number, category, shape.box, visible_fraction=fraction)
            vehicles.setdefault(shape.frame, []).append(vehicle)
    found = _media(root, file, media)
    name = file.parent.name if file.stem == "annotations" else file.stem
    if found.is_dir():
        return _of_pictures(name, found, source_fps, vehicles, annotated, tuple(notes))
    known = {frame: tuple(vehicles.get(frame, ())) for frame in annotated}
    return Recording(name, "cvat", VideoFile(found, fps=source_fps), known, notes=tuple(notes))


def _of_pictures(
    name: str,
    folder: Path,
    source_fps: float | None,
    vehicles: dict[int, list[SourceVehicle]],
    annotated: range,
    notes: tuple[str, ...],
) -> Recording:
    """Returns a recording of exported pictures `frame_000012.png`, which are numbered within the task."""
    if source_fps is None:
        raise FootageError(f"{folder}: pictures have no times; give the rate of the task's frames with --source-fps")
    numbered = sorted(
        (int(match[1]), path)
        for path in folder.iterdir()
        if path.suffix.lower() in EXTENSIONS and (match := _PICTURE.fullmatch(path.stem))
    )
    if not numbered:
        raise FootageError(f"{folder}: expected pictures such as frame_000000.png")
    media = PictureFiles(tuple(path for _, path in numbered), tuple(number / source_fps for number, _ in numbered))
    known = {
        place: tuple(vehicles.get(annotated[number], ()))
        for place, (number, _) in enumerate(numbered)
        if number < len(annotated)
    }
    return Recording(name, "cvat", media, known, notes=notes)


def _annotated_frames(root: ET.Element, file: Path) -> range:
    """Returns the numbers of the video's frames that are part of the task."""
    meta = root.find("meta")
    task = (
        None
        if meta is None
        else next((meta.find(kind) for kind in ("task", "job") if meta.find(kind) is not None), None)
    )
    if task is None:
        raise FootageError(f"{file}: expected meta with task or job")
    step = _STEP.search(task.findtext("frame_filter") or "")
    start, stop, size = (task.findtext(name) for name in ("start_frame", "stop_frame", "size"))
    try:
        first, every = int(start or 0), int(step[1]) if step else 1
        last = int(stop) if stop else first + every * (int(size or "") - 1)
    except ValueError:
        raise FootageError(f"{file}: expected numbers in size, start_frame and stop_frame of its task") from None
    if not 0 <= last - first < 10**8 or every < 1:
        raise FootageError(f"{file}: a task of the frames {first} to {last}, every {every}")
    return range(first, last + 1, every)


def _shapes(track: ET.Element, file: Path) -> list[_Shape]:
    shapes = []
    for element in track.findall("box"):
        edges = [attribute_number(element, name, file) for name in ("xtl", "ytl", "xbr", "ybr")]
        box = box_of(edges, file)
        outside = element.get("outside") == "1"
        if box is None and not outside:
            continue
        frame = int(attribute_number(element, "frame", file))
        shapes.append(_Shape(frame, box or (0.0, 0.0, 1.0, 1.0), outside, element.get("occluded") == "1"))
    return sorted(shapes, key=lambda shape: shape.frame)


def _every_frame(shapes: list[_Shape], annotated: range) -> Iterator[_Shape]:
    """Yields the box of a track in each annotated frame from its first to its last one."""
    for shape, following in zip(shapes, [*shapes[1:], None], strict=True):
        if shape.outside:
            continue
        if shape.frame in annotated:
            yield shape
        if following is None:
            return
        for frame in range(shape.frame + 1, following.frame):
            if frame in annotated:
                share = 0.0 if following.outside else (frame - shape.frame) / (following.frame - shape.frame)
                x1, y1, x2, y2 = (a + share * (b - a) for a, b in zip(shape.box, following.box, strict=True))
                yield _Shape(frame, (x1, y1, x2, y2), False, shape.occluded)


def _media(root: ET.Element, file: Path, given: Path | None) -> Path:
    if given is not None:
        return given
    source = next((element.text for element in root.iter("source") if element.text), None)
    if source:
        video = inside(file.parent, Path(source).name, file)
        if video.is_file():
            return video
    folder = file.parent / "images"
    if folder.is_dir():
        return folder
    wanted = source or "the video"
    raise FootageError(f"{file}: neither {wanted} nor the folder images lies beside it; name it with --media")
