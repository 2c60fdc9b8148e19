"""Tracks from the text of CARLA's recorder: `client.show_recorder_file_info(log, show_all=True)`.

In CARLA, y points to the right and angles are clockwise. The text has centimetres, and rotations as (roll, pitch, yaw)
in degrees.
"""

from __future__ import annotations

import math
import re

from drivesim.errors import InputError
from drivesim.scenario.interchange.logs.tracks import Track, Tracks

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TRIPLE = rf"\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)"
_FRAME = re.compile(rf"^\s*Frame\s+\d+\s+at\s+({_NUMBER})\s+seconds")
_CREATE = re.compile(r"^\s*Create\s+(\d+):\s+(\S+)")
_DESTROY = re.compile(r"^\s*Destroy\s+(\d+)")
_ATTRIBUTE = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$")
_PLACE = re.compile(rf"^\s*Id:\s*(\d+)\s+Location:?\s*{_TRIPLE}\s*Rotation:?\s*{_TRIPLE}")
_BOX = re.compile(rf"^\s*Id:\s*(\d+)\s+Origin:?\s*{_TRIPLE}\s*Extension:?\s*{_TRIPLE}")
_LARGE = (
    ("bus", "bus|fusorosa"),
    ("truck", "truck|carlacola|firetruck|actros"),
    ("van", r"ambulance|sprinter|t2(?![a-z0-9])|van(?![a-z])"),
)
_TWO_WHEELS = re.compile(r"bike|bh\.crossbike|century|omafiets|harley|kawasaki|yamaha|vespa|ninja|low_rider|yzf|zx125")
_METRES = 0.01
_EGO_ROLES = ("hero", "ego", "ego_vehicle")


def is_carla_dump(text: str) -> bool:
    """Returns whether a text is a dump of the recorder."""
    return bool(re.search(r"^\s*Frame\s+\d+\s+at\s+", text[:200_000], re.MULTILINE))


def tracks_of_carla(text: str, file: str, ego: str | None) -> Tracks:
    """Returns the tracks of a dump. The ego is found by its id, or else by its role name (`hero`, `ego`).

    Raises:
        InputError: No vehicle has positions, as without `show_all`, or no vehicle is the ego.
    """
    tracks: dict[str, Track] = {}
    kinds: dict[str, str] = {}
    named, time, last = ego, 0.0, ""
    for line in text.splitlines():
        if found := _FRAME.match(line):
            time = float(found[1])
        elif found := _CREATE.match(line):
            last = found[1]
            kinds[last] = found[2]
        elif found := _PLACE.match(line):
            name = found[1]
            if kinds.get(name, "").startswith("vehicle."):
                x, y, _, _, _, yaw = (float(part) for part in found.groups()[1:])
                track = tracks.setdefault(name, Track(name, _category(kinds[name])))
                track.rows.append((time, x * _METRES, -y * _METRES, -math.radians(yaw)))
        elif found := _BOX.match(line):
            length, width, height = (2 * _METRES * float(part) for part in found.groups()[4:7])
            if kinds.get(found[1], "").startswith("vehicle."):
                track = tracks.setdefault(found[1], Track(found[1], _category(kinds[found[1]])))
                track.size_m = (length, width, height)
        elif (found := _ATTRIBUTE.match(line)) and named is None and kinds.get(last, "").startswith("vehicle."):
            named = last if found[1] == "role_name" and found[2] in _EGO_ROLES else None
    seen = [track for track in tracks.values() if track.rows]
    if not seen:
        raise InputError(f"{file}: the text holds no positions of vehicles; dump it with show_all=True")
    if named is None:
        known = ", ".join(f"{track.id} ({kinds[track.id]})" for track in seen[:10])
        raise InputError(f"{file}: no vehicle has the role `hero`; give --ego ID; there are {known}")
    return Tracks(tuple(seen), named)


def _category(kind: str) -> str:
    if _TWO_WHEELS.search(kind):
        return "bicycle"
    return next((category for category, pattern in _LARGE if re.search(pattern, kind)), "car")
