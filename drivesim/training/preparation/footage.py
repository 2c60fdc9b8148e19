"""The footage of a stage: at which frame size, out of which drive logs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from drivesim.archive.stores.remote import is_url
from drivesim.data.drive_log import DriveLog, list_drive_logs
from drivesim.data.packed import PackedFootage, pack, packed_folder
from drivesim.data.remote import cached_folder, footage_folder
from drivesim.data.shards.shard import shard_names
from drivesim.errors import FootageError
from drivesim.models.stages import STAGES, Family
from drivesim.training.loop.distributed import barrier, rank
from drivesim.training.preparation.request import OnProgress, StageRequest


def local_footage(data: str, cache: Path | None, on_progress: OnProgress) -> Path:
    """Returns a local folder with the footage of a path or a URL; process 0 copies what is at a URL.

    Raises:
        FootageError: The storage cannot be reached, or there is no footage (see `drivesim.data.remote`).
    """
    folder = footage_folder(data, cache, on_progress) if rank() == 0 else None
    barrier()
    if folder is not None:
        return folder
    return cached_folder(data, cache) if is_url(data) else Path(data)


def packed_footage(request: StageRequest, on_progress: OnProgress) -> PackedFootage:
    """Opens the footage at the frame size of a stage; process 0 packs what is not packed yet.

    Raises:
        FootageError: There is no footage, or it is damaged (see `drivesim.data.packed.pack`).
    """
    height, width = frame_size(request)
    folder = packed_folder(request.data, height, width)
    footage = None
    if rank() == 0:
        footage = pack(packable_logs(request), folder, height, width, on_progress)
    barrier()
    footage = PackedFootage.open(folder, verify=False) if footage is None else footage
    return replace(footage, held_out=request.held_out)


def packable_logs(request: StageRequest) -> list[Path]:
    """Returns the drive logs that a stage is trained on.

    A stage of large frames takes only the logs that have such frames, if there are any: enlarged frames have nothing
    to teach an upsampler.
    """
    logs, (height, _) = list_drive_logs(request.data), frame_size(request)
    if height <= request.preset.video.low_height:
        return logs
    tall = []
    for path in logs:
        with suppress(FootageError):
            if DriveLog.open(path).labels.height < height:
                continue
        tall.append(path)
    return tall or logs


def frame_size(request: StageRequest) -> tuple[int, int]:
    """Returns height and width of the frames that a stage is trained on.

    The vehicle detector enlarges low-resolution footage itself, so that it can share the footage of other stages.
    """
    preset, family = request.preset, STAGES[request.role].family
    low, detector = (preset.video.low_height, preset.video.low_width), preset.vehicle_detector
    if family is Family.VEHICLE_DETECTOR:
        large = (detector.height, detector.width)
        return large if _is_larger_than(request.data, low, large) else low
    factor = preset.upsampler.factor if family is Family.UPSAMPLER else 1
    return low[0] * factor, low[1] * factor


def _is_larger_than(data: Path, low: tuple[int, int], large: tuple[int, int]) -> bool:
    """Whether footage was packed at size `large`, or the first drive log that can be read is larger than `low`."""
    if shard_names(packed_folder(data, *large)):
        return True
    for path in list_drive_logs(data):
        with suppress(FootageError):
            return DriveLog.open(path).labels.height > low[0]
    return False
