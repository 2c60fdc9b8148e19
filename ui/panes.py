"""What the player shows: one pane per future, with where its frames and its files are."""

from __future__ import annotations

import json
from typing import Any

from drivesim.archive import Archive


def future_pane(key: str, archive: Archive, future: int, title: str, branch: bool, boxes: bool) -> dict[str, Any]:
    """The pane of a future of the archive with id `key`.

    Args:
        key: id of the archive.
        archive: the archive, as far as it is committed.
        future: which of its futures.
        title: what stands below the frames.
        branch: whether the pane offers to continue from a frame.
        boxes: whether requested and detected boxes can be drawn.
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
    """The value of a player; `empty` is shown where there are no frames, `keep` stays at the frame that is shown."""
    return json.dumps({"panes": panes, "empty": empty, "keep": keep})


def name_of(archive: Archive) -> str:
    """The name of an archive without its ending."""
    return archive.path.stem
