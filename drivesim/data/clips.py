"""Clips sampled from packed footage, as tensors: the same frames, latents and labels for every stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from drivesim.data.drive_log import split_of
from drivesim.data.frame_array import FrameArray
from drivesim.data.packed import PackedFootage
from drivesim.errors import FootageError
from drivesim.models.conditioning import (
    UNKNOWN,
    BoxColours,
    BoxHeadings,
    BoxLayout,
    Conditioning,
    EgoMotion,
    RoadLayout,
)
from drivesim.models.pixels import to_unit_range
from drivesim.models.road_raster import MAP_COLUMNS, MAP_ROWS, draw_road
from drivesim.scenario.schema.vocabulary import ROAD_KINDS


@dataclass(frozen=True)
class ClipPlaces:
    """The places of `m` clips in packed footage, sorted by log.

    Attributes:
        starts: First frame of each clip, `m`.
        strides: Number of frames from one frame of a clip to the next, `m`.
        log_begin: Position of the first clip of each log.
        log_count: Number of clips of each log.
    """

    starts: Tensor
    strides: Tensor
    log_begin: Tensor
    log_count: Tensor

    def __len__(self) -> int:
        return len(self.starts)


def clip_places(
    footage: PackedFootage,
    split: Literal["train", "held_out"],
    fps: float | None,
    num_frames: int,
    labelled: bool = False,
) -> ClipPlaces:
    """Returns the places of all clips of a split.

    Args:
        footage: The packed footage.
        split: Split of the logs.
        fps: Frame rate of the clips; None stands for single frames, from logs of any frame rate.
        num_frames: Number of frames per clip.
        labelled: Whether to take only clips whose first frame was searched for vehicles.

    Raises:
        FootageError: The split has no such clip.
    """
    if fps is None:
        starts = np.arange(len(footage.frames))
        strides = np.ones(len(starts), np.int64)
    else:
        starts, strides = footage.clip_starts(fps, num_frames)
    in_split = np.array([split_of(str(name), footage.held_out) == split for name in footage.log_names])
    log = np.searchsorted(footage.log_start, starts, side="right") - 1
    keep = in_split[log] if len(starts) else np.zeros(0, bool)
    if labelled:
        keep &= footage.columns.crowdedness[starts] != UNKNOWN
    starts, strides, log = starts[keep], strides[keep], log[keep]
    if not len(starts):
        wanted = ("labelled " if labelled else "") + clips_in_words(fps, num_frames)
        raise FootageError(f"{footage.folder}: there are no {wanted} in the {split} split; record more logs")
    _, begin, count = np.unique(log, return_index=True, return_counts=True)
    return ClipPlaces(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (starts, strides, begin, count)))


def clips_in_words(fps: float | None, num_frames: int) -> str:
    """Returns the name of a kind of clips in messages; `fps` None stands for single frames."""
    return "frames" if fps is None else f"clips of {num_frames} frames at {fps:g} frames per second"


def draw(places: ClipPlaces, num_clips: int, num_frames: int, generator: torch.Generator) -> Tensor:
    """Draws clips and returns the indices `b t` of their frames.

    A log is drawn first and then a place in it, so that long logs do not crowd out short ones.
    """
    log = torch.randint(len(places.log_begin), (num_clips,), generator=generator)
    within = (torch.rand(num_clips, generator=generator) * places.log_count[log]).long()
    chosen = places.log_begin[log] + within
    return places.starts[chosen][:, None] + places.strides[chosen][:, None] * torch.arange(num_frames)


class FootageTensors:
    """Frames and labels of packed footage on a device, by index `b t`.

    On the CPU the frames stay in memory-mapped files; on other devices all of them are in the device's memory.
    """

    def __init__(self, footage: PackedFootage, device: str) -> None:
        self.device = device
        self._on_device = None if device == "cpu" else GrowingTensor(footage.frames, device)
        self._take_labels(footage)

    def grow(self, footage: PackedFootage) -> None:
        """Replaces the footage by one that continues it (`PackedFootage.refreshed`); only new frames are uploaded."""
        if self._on_device is not None:
            self._on_device.extend(footage.frames)
        self._take_labels(footage)

    def refresh(self) -> int:
        """Adds the shards that have arrived, and returns the number of new frames.

        Raises:
            FootageError: A new shard is damaged or does not belong here.
        """
        footage = self.footage.refreshed()
        num_new = len(footage.frames) - len(self.footage.frames)
        if num_new:
            self.grow(footage)
        return num_new

    def _take_labels(self, footage: PackedFootage) -> None:
        columns = footage.columns
        self.footage = footage
        self.boxes = torch.from_numpy(columns.boxes)
        self.category = torch.from_numpy(columns.category.astype(np.int64))
        self.time_of_day = torch.from_numpy(columns.time_of_day.astype(np.int64))
        self.crowdedness = torch.from_numpy(columns.crowdedness.astype(np.int64))
        self.ego_motion = torch.from_numpy(columns.ego_motion)
        self.heading = torch.from_numpy(columns.heading_rad)
        self.colour = torch.from_numpy(columns.colour.astype(np.int64))

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.footage.frames.shape[1:3]

    def frames(self, index: Tensor, crop: tuple[Tensor, Tensor, int] | None = None) -> Tensor:
        """Returns frames `b t 3 h w` in -1..1.

        Args:
            index: Indices of frames, `b t`.
            crop: Top and left `b` of a square in each clip, and its side; None returns whole frames.
        """
        picked = self._whole(index) if crop is None else self._crops(index, *crop)
        return to_unit_range(picked).contiguous()

    def _whole(self, index: Tensor) -> Tensor:
        if self._on_device is not None:
            return self._on_device[index]
        return torch.from_numpy(self.footage.frames[index.numpy()])

    def _crops(self, index: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
        """Returns squares `b t side side 3`; only these parts of memory-mapped files are read."""
        if self._on_device is not None:
            return self._on_device.squares(index, top, left, side)
        places = zip(index.tolist(), top.tolist(), left.tolist(), strict=True)
        frames = self.footage.frames
        squares = [[frames[i][y : y + side, x : x + side] for i in clip] for clip, y, x in places]
        return torch.from_numpy(np.array(squares))

    def conditioning(self, index: Tensor, attributes: bool = False, road: bool = False) -> Conditioning:
        """Returns what clips are conditioned on.

        These are boxes and ego motion of each frame, and time of day and crowdedness of the first frame. Boxes or ego
        motion that are unknown in one frame of a clip are unknown in all of its frames.

        Args:
            index: Indices of frames, `b t`.
            attributes: Whether to give headings and colours of the boxes too.
            road: Whether to give the road in view too; a clip with a frame whose road is unknown has no road.
        """
        crowdedness, ego_motion = self.crowdedness[index], self.ego_motion[index]
        boxes_known = (crowdedness != UNKNOWN).all(1)
        motion_known = ego_motion.isfinite().all((1, 2))
        return Conditioning(
            boxes=BoxLayout(self.boxes[index], self.category[index], boxes_known),
            box_headings=BoxHeadings(self.heading[index], boxes_known) if attributes else None,
            box_colours=BoxColours(self.colour[index], boxes_known) if attributes else None,
            road=self._road(index) if road else None,
            time_of_day=self.time_of_day[index[:, 0]],
            crowdedness=crowdedness[:, 0],
            ego_motion=EgoMotion(ego_motion.nan_to_num(), motion_known),
        )

    def _road(self, index: Tensor) -> RoadLayout:
        roads = self.footage.roads
        views = [[roads.view(frame) for frame in clip] for clip in index.tolist()]
        known = torch.tensor([all(view is not None for view in clip) for clip in views])
        nothing = np.zeros((len(ROAD_KINDS), MAP_ROWS, MAP_COLUMNS), np.uint8)
        maps = [[nothing if view is None else draw_road(view) for view in clip] for clip in views]
        return RoadLayout(torch.from_numpy(np.array(maps)), known)


class GrowingTensor:
    """Frames or latents in a device's memory, with room to grow, so that they are seldom copied."""

    _UPLOADED_AT_ONCE = 256

    def __init__(self, frames: FrameArray, device: str) -> None:
        self._device, self._count = device, 0
        self._room = torch.from_numpy(np.empty((0, *frames.shape[1:]), frames.dtype)).to(device)
        self.extend(frames)

    def extend(self, frames: FrameArray) -> None:
        """Uploads the frames beyond those that have been uploaded."""
        if len(frames) > len(self._room):
            capacity = len(frames) if not self._count else max(len(frames), self._count * 5 // 4)
            larger = torch.empty((capacity, *frames.shape[1:]), dtype=self._room.dtype, device=self._device)
            larger[: self._count] = self._room[: self._count]
            self._room = larger
        for start in range(self._count, len(frames), self._UPLOADED_AT_ONCE):
            part = torch.from_numpy(frames[start : start + self._UPLOADED_AT_ONCE])
            self._room[start : start + len(part)] = part.to(self._device)
        self._count = len(frames)

    def __getitem__(self, index: Tensor) -> Tensor:
        return self._room[index.to(self._device)]

    def squares(self, index: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
        """Returns squares `b t side side c` of frames `h w c`, at one place per clip, by a single operation."""
        along = torch.arange(side)
        rows, columns = top[:, None] + along, left[:, None] + along
        places = (index[:, :, None, None], rows[:, None, :, None], columns[:, None, None])
        return self._room[tuple(place.to(self._device) for place in places)]
