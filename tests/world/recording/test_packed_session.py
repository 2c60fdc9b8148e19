"""Worlds recorded straight into packed footage: the same frames and labels as by way of drive logs, shard by shard."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.data.packed import PackedFootage, footage_under
from drivesim.data.shards.shard import shard_names
from drivesim.errors import FootageError, FootageWriteError
from drivesim.world.recording import packed_session
from drivesim.world.recording import workers as record_workers
from drivesim.world.recording.packed_session import (
    PackedRecording,
    PackedRecordSession,
    existing_shards,
    record_shards,
    recording,
)
from drivesim.world.recording.recorder import Recipe, drive, log_name, record_drive_log
from drivesim.world.rendering.renderer import Renderer

Tree = Callable[[Path], dict[str, str]]
LARGE, SMALL = (64, 128), (32, 64)
STILLS = PackedRecording(Recipe.single_frames(width=128, height=64, num_frames=128), (LARGE, SMALL), first_seed=11)
FAST = PackedRecording(Recipe.clip(fps=40, num_frames=256, width=128, height=64), (SMALL,))


def session(folder: Path, *recordings: PackedRecording, num_logs: int = 4) -> PackedRecordSession:
    return PackedRecordSession(folder, recordings or (STILLS, FAST), num_logs=num_logs, num_workers=1)


def record(asked: PackedRecordSession) -> list[str]:
    """In this process; returns the names of new shards."""
    return [shard.name for shard in record_shards(0, asked, None)]


def test_frames_and_labels_are_those_of_the_worlds(folder: Path) -> None:
    recipe = Recipe.single_frames(width=128, height=64)
    kind = PackedRecording(recipe, (LARGE, SMALL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_session, "_FRAMES_PER_SHARD", 4)
        assert len(record(session(folder, kind, num_logs=3))) == 2
    renderer = Renderer(128, 64)
    rendered = [pair for seed in range(4) for pair in drive(seed, recipe, renderer)[1]]
    for height, width in kind.sizes:
        footage = PackedFootage.open(folder / ".packed" / f"{height}x{width}")
        assert footage.log_names.tolist() == [log_name(seed) for seed in range(4)]
        shrunk = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame, _ in rendered]
        np.testing.assert_array_equal(footage.frames[:], np.stack(shrunk))
        assert footage.vehicles.count.tolist() == [len(label.vehicles) for _, label in rendered]


def test_columns_are_those_of_packed_drive_logs(folder: Path) -> None:
    recipe = Recipe.single_frames(width=128, height=64, num_frames=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_session, "_FRAMES_PER_SHARD", 6)
        record(session(folder / "packed", PackedRecording(recipe, (SMALL,)), num_logs=3))
    for seed in range(3):
        record_drive_log(seed, recipe, folder / "logs" / log_name(seed), Renderer(128, 64))
    packed, logs = footage_under(folder / "packed", *SMALL), footage_under(folder / "logs", *SMALL)
    for name, column in vars(packed.columns).items():
        np.testing.assert_array_equal(column, getattr(logs.columns, name), err_msg=name)
    for name in ("log_names", "log_start", "log_fps"):
        np.testing.assert_array_equal(getattr(packed, name), getattr(logs, name))
    assert np.abs(packed.frames[:].astype(int) - logs.frames[:]).mean() < 6, "the video loses a little"


@pytest.mark.usefixtures("quick_worlds")
def test_footage_may_come_from_packed_recordings_and_drive_logs(folder: Path) -> None:
    record(session(folder, FAST, num_logs=2))
    record_drive_log(77, Recipe.clip(num_frames=3, width=128, height=64), folder / "logs" / log_name(77), None)
    footage = footage_under(folder, *SMALL)
    assert footage.log_names.tolist() == [log_name(77), log_name(0), log_name(1)], "in the order of their paths"
    assert len(footage.frames) == 2 * 256 + 3


@pytest.mark.usefixtures("quick_worlds")
def test_a_shard_covers_a_fixed_range_of_seeds(folder: Path) -> None:
    names = record(session(folder))
    kinds = {name.rpartition("-")[0]: [] for name in names}
    for name in names:
        kinds[name.rpartition("-")[0]].append(int(name.rpartition("-")[2]))
    assert sorted(kinds.values()) == [[0, 1, 2, 3], [10, 12]]
    assert record(session(folder)) == []
    assert len(record(session(folder, num_logs=5))) == 2, "rounded up to whole shards"
    assert len(existing_shards(session(folder, num_logs=6))) == 3 + 5


@pytest.mark.usefixtures("quick_worlds")
def test_another_size_is_added_to_what_is_there(folder: Path, tree: Tree) -> None:
    small = PackedRecording(STILLS.recipe, (SMALL,))
    record(session(folder, small))
    before = tree(folder)
    both = PackedRecording(STILLS.recipe, (LARGE, SMALL))
    assert len(record(session(folder, both))) == 2
    assert before.items() < tree(folder).items()
    assert shard_names(folder / ".packed" / "64x128") == shard_names(folder / ".packed" / "32x64")


@pytest.mark.usefixtures("quick_worlds")
def test_other_settings_never_share_a_shard(folder: Path) -> None:
    names = record(session(folder, FAST, num_logs=1))
    night = PackedRecording(Recipe.clip(fps=40, num_frames=256, width=128, height=64, time_of_day="night"), (SMALL,))
    finer = PackedRecording(FAST.recipe, (SMALL,), supersample=2)
    for other in (night, finer):
        assert not set(record(session(folder, other, num_logs=1))) & set(names)


@pytest.mark.usefixtures("quick_worlds")
def test_a_kill_at_any_file_operation_leaves_whole_shards_and_the_same_bytes_in_the_end(
    folder: Path, tree: Tree, killed_at: Callable
) -> None:
    def run(data: Path = folder / "data") -> None:
        asked = session(data, kind, num_logs=2)
        with recording(asked):  # its own processes are not those that are killed
            record(asked)

    kind = PackedRecording(Recipe.single_frames(width=128, height=64, num_frames=1), (LARGE, SMALL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_session, "RecordWorkers", _NoWorkers)
        patch.setattr(packed_session, "_FRAMES_PER_SHARD", 1)
        run(folder / "whole")
        expected, seen = tree(folder / "whole"), set()
        for kill_at in itertools.count():
            if not killed_at(run, kill_at):
                break
            for size in kind.sizes:
                names = shard_names(folder / "data" / ".packed" / f"{size[0]}x{size[1]}")
                seen.add(len(names))
                if names:
                    PackedFootage.open(folder / "data" / ".packed" / f"{size[0]}x{size[1]}")
            killed_at(run, kill_at * 37 % 67)
            run()
            assert tree(folder / "data") == expected
            run()
            assert tree(folder / "data") == expected
            shutil.rmtree(folder / "data")
    assert seen == {0, 1, 2}


class _NoWorkers:
    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.usefixtures("quick_worlds")
def test_sessions_share_the_work_and_take_over_from_the_dead(
    folder: Path, tree: Tree, in_child: Callable, wait_until: Callable
) -> None:
    asked, in_hand = session(folder / "data", FAST, num_logs=2), folder / "in_hand"
    record(session(folder / "whole", FAST, num_logs=2))
    quick = packed_session.drive

    def slow(seed: int, recipe: Recipe, renderer: Renderer) -> tuple:
        in_hand.touch()
        time.sleep(600)
        return quick(seed, recipe, renderer)

    def record_slowly() -> None:
        packed_session.drive = slow
        record(asked)

    child = in_child(record_slowly)
    wait_until(in_hand.exists, child)
    shards = record_shards(0, asked, None)
    assert next(shards).name.endswith("-0000000001"), "the other process has the first one"
    child.kill()
    assert next(shards).name.endswith("-0000000000")
    assert list(shards) == []
    assert tree(folder / "data") == tree(folder / "whole")


@pytest.mark.usefixtures("quick_worlds")
def test_a_full_disk_is_named_and_recording_continues_once_there_is_room(
    folder: Path, tree: Tree, on_small_disk: Callable
) -> None:
    record(session(folder / "whole", STILLS, num_logs=2))
    expected = tree(folder / "whole")

    def fill(disk) -> None:
        told = []
        for pages in range(1, 1000, 97):
            disk.resize(pages * 4096)
            try:
                record(session(disk.folder / "data", STILLS, num_logs=2))
            except FootageWriteError as error:
                told.append(str(error))
            assert not list(disk.folder.rglob("*.partial"))
            disk.resize(2**24)
            record(session(disk.folder / "data", STILLS, num_logs=2))
            assert tree(disk.folder / "data") == expected
            shutil.rmtree(disk.folder / "data")
        assert len(told) > 5
        assert all("No space left on device; make room" in message for message in told)

    on_small_disk(fill)


def test_workers_record_while_their_caller_does_other_things_and_can_be_stopped(
    folder: Path, wait_until: Callable
) -> None:
    kind = PackedRecording(Recipe.clip(40, 256, width=64, height=32), (SMALL,))
    endless, names = PackedRecordSession(folder, (kind,), num_workers=1), []
    with recording(endless) as workers:

        def is_recorded() -> bool:
            assert workers.are_running
            names.extend(shard.name for shard in workers.reports())
            return bool(names)

        wait_until(is_recorded)
    assert not workers.are_running
    there = folder / ".packed" / "32x64"
    assert set(names) <= set(shard_names(there))
    assert not [entry for entry in os.listdir(there) if entry.startswith(".")]
    assert len(PackedFootage.open(there).frames) >= 256


def test_a_worker_that_does_not_react_is_killed_and_keeps_nobody_waiting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_workers, "_END_S", 0.2)
    kind = PackedRecording(Recipe.clip(40, 256, width=64, height=32), (SMALL,))
    with recording(PackedRecordSession(folder, (kind,), num_workers=1)) as workers:
        (worker,) = multiprocessing.active_children()
        os.kill(worker.pid, signal.SIGSTOP)
    assert not workers.are_running


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": ((128, 256),)}, "128x256 cannot be shrunk from 64x128"),
        ({"sizes": ((32, 32),)}, "same proportions"),
        ({"sizes": ()}, "needs a size"),
        ({"first_seed": -1}, "not negative"),
    ],
)
def test_recordings_that_cannot_be_are_refused(change: dict, message: str) -> None:
    with pytest.raises(FootageError, match=message):
        PackedRecording(**{"recipe": STILLS.recipe, "sizes": (SMALL,)} | change)
