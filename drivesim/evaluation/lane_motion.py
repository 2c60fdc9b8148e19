"""Painted lines in rollouts of scenarios in metres: whether they lie where the road has them, and keep still there.

The ego moves over the road, so lines move in the frame as they should. A line *jumps* if its distance from where it
should be changes from one keyframe to the next. The detector of lines makes errors of its own (`lane_lines`), which
show in recorded logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from drivesim.archive import open_archive
from drivesim.data.drive_log import DriveLog
from drivesim.data.road_columns import RoadColumns
from drivesim.engine import Engine
from drivesim.engine.first_frame.compose import fitted
from drivesim.errors import InputError
from drivesim.evaluation.figures import ratio_figure
from drivesim.evaluation.lane_lines import SEARCHED, LinePlaces, line_offsets
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.samples.footage import OnProgress
from drivesim.evaluation.video.sources.archived import archived_videos
from drivesim.rollout.archived import archived_scenario
from drivesim.scenario import Scenario
from drivesim.scenario.schema.scene import Scene
from drivesim.scenario.schema.vocabulary import FRAME_EXTENT_PX, FRAME_WIDTH_PX

MADE, REAL = "made", "real"


@dataclass(frozen=True, eq=False)
class LineFilm:
    """The painted lines of a video.

    Attributes:
        name: Name of the video.
        fps: Frames per second.
        stride: Number of frames from keyframe to keyframe.
        places: Where each frame should show lines.
        offsets: How far to the right of them the nearest ridges are, in widths of the frame; NaN without one.
    """

    name: str
    fps: float
    stride: int
    places: tuple[LinePlaces, ...]
    offsets: tuple[np.ndarray, ...]

    def jumps(self) -> list[np.ndarray]:
        """Returns by how much the offsets of lines change from each keyframe to the next, in widths of the frame.

        A line is the same if it is in the same row and its place has moved by no more than a line is searched.
        """
        numbers = range(0, len(self.places), self.stride)
        return [self._changes(first, second) for first, second in pairwise(numbers)]

    def _changes(self, first: int, second: int) -> np.ndarray:
        one, two = self.places[first], self.places[second]
        if not len(one) or not len(two):
            return np.zeros(0)
        apart = np.abs(one.x[:, None] - two.x) + np.where(one.y[:, None] == two.y, 0, np.inf)
        nearest = apart.argmin(1)
        changes = np.abs(self.offsets[second][nearest] - self.offsets[first])
        kept: np.ndarray = changes[(apart.min(1) <= SEARCHED) & np.isfinite(changes)]
        return kept


def asks_for_road(scenario: Scenario) -> bool:
    """Returns whether the models are given the road of every frame: that of a scene whose ego or actors are steered."""
    return scenario.scene is not None and (scenario.ego is not None or scenario.scene.steered)


def archived_line_films(
    engine: Engine, archives: Sequence[Path], size: tuple[int, int], on_progress: OnProgress
) -> list[LineFilm]:
    """Returns the lines of all futures of archives, in frames of this height and width.

    Raises:
        InputError: The models were not given the road of each frame of an archive, or it stores only latents of other
            checkpoints.
    """
    films = []
    for done, path in enumerate(archives, 1):
        archive = open_archive(path)
        scenario = archived_scenario(archive)
        if scenario.scene is None or not asks_for_road(scenario):
            raise InputError(
                f"{path}: its scenario gives no road of every frame; it needs `actors`, and steered ones or `ego`"
            )
        for video in archived_videos(engine, [path], size):
            places = [_places(scenario.scene, number / video.fps) for number in range(len(video.frames))]
            frames = (frame for part in video.parts() for frame in part)
            stride = round(video.fps / archive.layout.keyframe_fps)
            films.append(_film(video.name, video.fps, stride, places, frames))
        on_progress("looking for lines", done, len(archives))
    return films


def recorded_line_films(
    logs: Sequence[Path], size: tuple[int, int], keyframe_fps: float, on_progress: OnProgress
) -> list[LineFilm]:
    """Returns the lines of drive logs that know their road in every frame; others are left out.

    Args:
        logs: The drive logs.
        size: Height and width that frames are shrunk to.
        keyframe_fps: Keyframes per second, between which lines may jump.
        on_progress: Is called with the progress of the work.

    Raises:
        FootageError: A log cannot be read.
    """
    films = []
    for done, path in enumerate(logs, 1):
        log = DriveLog.open(path)
        labels = log.labels
        roads = RoadColumns.of(labels.frames, labels.width, labels.height)
        views = [roads.view(number) for number in range(len(labels.frames))]
        if len(views) > 1 and labels.width * size[0] == labels.height * size[1]:
            extent = np.array([labels.width, labels.height] * 2)
            boxes = [np.array([v.box for v in f.vehicles or ()]).reshape(-1, 4) / extent for f in labels.frames]
            places = [LinePlaces.of(road, box) for road, box in zip(views, boxes, strict=True) if road is not None]
            if len(places) == len(views):
                frames = (fitted(frame, *size) for frame in log.stream())
                films.append(_film(log.name, labels.fps, max(1, round(labels.fps / keyframe_fps)), places, frames))
        on_progress("looking for lines of logs", done, len(logs))
    return films


def lane_motion_protocol(films: Sequence[LineFilm], size: tuple[int, int]) -> Protocol:
    """Returns the protocol of the figures of films, without the measure.

    Raises:
        InputError: The films have different frame rates.
    """
    if len({film.fps for film in films}) > 1:
        raise InputError("archives of different frame rates, or with and without frames: measure them one by one")
    return Protocol(
        measure="",
        network=None,
        network_sha256=None,
        num_samples=len(films),
        num_frames=max(len(film.places) for film in films),
        fps=films[0].fps,
        height=size[0],
        width=size[1],
        resize="area",
        seeds="of the archives",
        reference=", ".join(film.name for film in films),
        settings="lane lines of the scenario at the time of each frame",
    )


def lane_motion_figures(groups: Mapping[str, Sequence[LineFilm]], protocol: Protocol) -> Iterator[Figure]:
    """Measures lines in all frames, in keyframes, in the frames in between, and from keyframe to keyframe.

    Args:
        groups: The films by the name of their group.
        protocol: The protocol without measure.

    Yields:
        `lane_lines_found`, `lane_line_error_px` and `lane_line_jump_px`, the last two in pixels of 1024.
    """
    found = "part of the places of lines with a ridge within 24 px of 1024"
    error = "mean distance of the nearest ridge, where there is one, in px of 1024"
    jump = "mean change of that distance to the next keyframe, to the right or left, in px of 1024"
    for group, films in groups.items():
        if not films:
            continue
        seconds = [(number, int(i / film.fps)) for number, film in enumerate(films) for i in range(len(film.places))]
        key = np.array([i % film.stride == 0 for film in films for i in range(len(film.places))])
        offsets = [offset for film in films for offset in film.offsets]
        counts = np.array([[len(o), np.isfinite(o).sum(), np.nansum(np.abs(o)) * FRAME_WIDTH_PX] for o in offsets])
        parts = {group: np.ones(len(key), bool)}
        if not key.all():
            parts |= {f"{group}, keyframes": key, f"{group}, frames in between": ~key}
        for part, chosen in parts.items():
            total, seen, distance = _by_second(seconds, np.where(chosen[:, None], counts, 0))
            yield ratio_figure("lane_lines_found", part, seen, total, _bootstrapped(protocol, found))
            yield ratio_figure("lane_line_error_px", part, distance, seen, _bootstrapped(protocol, error))
        changes, seconds = [], []
        for number, film in enumerate(films):
            for keyframe, of_pair in enumerate(film.jumps()):
                changes.append([len(of_pair), of_pair.sum() * FRAME_WIDTH_PX])
                seconds.append((number, int(keyframe * film.stride / film.fps)))
        if changes:
            total, distance = _by_second(seconds, np.array(changes))
            yield ratio_figure("lane_line_jump_px", group, distance, total, _bootstrapped(protocol, jump))


def _film(name: str, fps: float, stride: int, places: Sequence[LinePlaces], frames: Iterator[np.ndarray]) -> LineFilm:
    offsets = tuple(line_offsets(frame, where) for frame, where in zip(frames, places, strict=True))
    return LineFilm(name, fps, stride, tuple(places), offsets)


def _places(scene: Scene, time_s: float) -> LinePlaces:
    boxes = np.array([view.visible_box for view in scene.views(time_s) if view.visible_box is not None])
    return LinePlaces.of(scene.road_view(time_s), boxes.reshape(-1, 4) / FRAME_EXTENT_PX)


def _by_second(seconds: Sequence[tuple[int, int]], values: np.ndarray) -> np.ndarray:
    """The sums `k s` of the columns of values `n k` over the `s` seconds; frames of one second are alike."""
    _, place = np.unique(np.array(seconds), axis=0, return_inverse=True)
    return np.stack([np.bincount(place.ravel(), weights=column) for column in values.T])


def _bootstrapped(protocol: Protocol, measure: str) -> Protocol:
    return replace(protocol, measure=f"{measure}, bootstrap over seconds")
