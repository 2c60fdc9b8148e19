"""The contents of the player: one pane per future, with the addresses of its frames and files."""

from __future__ import annotations

import json
from typing import Any

from drivesim.archive import Archive

NONE_YET = "The output folder holds no rollouts yet. Use the Futures tab to make some."


def future_pane(key: str, archive: Archive, future: int, title: str, branch: bool, boxes: bool) -> dict[str, Any]:
    """Returns the pane of a future.

    Args:
        key: Id of the archive.
        archive: The archive with its committed frames.
        future: Index of the future.
        title: Caption below the frames.
        branch: Whether the pane offers to continue from a frame.
        boxes: Whether requested and detected boxes can be drawn.
    """
    rollout = archive.rollouts[future]
    frames = rollout.num_committed_frames if archive.layout.keeps_frames else 0
    links = [{"text": "Scenario", "href": f"/media/archive/{key}.yaml", "file": f"{name_of(archive)}.yaml"}]
    if rollout.complete:
        file = f"{name_of(archive)}_future_{future:02d}.mp4"
        links.insert(0, {"text": "MP4", "href": f"/media/archive/{key}/{future}.mp4", "file": file})
    if archive.complete:
        file = f"{name_of(archive)}.zarr.zip"
        links.append({"text": "Archive", "href": f"/media/archive/{key}.zip", "file": file})
    url = f"/media/archive/{key}/{future}"
    pane = {"title": title, "url": url, "frames": frames, "fps": archive.layout.fps, "links": links}
    return {**pane, "branch": branch, "boxes": boxes, "archive": key, "future": future}


def player_json(panes: list[dict[str, Any]], empty: str, keep: bool = False) -> str:
    """Returns the value of a player.

    Args:
        panes: The panes, one per future.
        empty: Text to show if there are no frames.
        keep: Whether the player stays at the current frame.
    """
    return json.dumps({"panes": panes, "empty": empty, "keep": keep})


def name_of(archive: Archive) -> str:
    """Returns the name of an archive without its suffix."""
    return archive.path.stem
