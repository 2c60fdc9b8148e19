"""Every damage to a complete archive is found, named by file and window, and never shown as pictures."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from drivesim.archive import check_archive, open_archive
from drivesim.errors import ArchiveError


def flip_bit(file: Path, other: Path, rng: np.random.Generator) -> None:
    content = bytearray(file.read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    file.write_bytes(content)


def truncate(file: Path, other: Path, rng: np.random.Generator) -> None:
    os.truncate(file, rng.integers(1, file.stat().st_size))


def empty(file: Path, other: Path, rng: np.random.Generator) -> None:
    os.truncate(file, 0)


def delete(file: Path, other: Path, rng: np.random.Generator) -> None:
    file.unlink()


def append(file: Path, other: Path, rng: np.random.Generator) -> None:
    with file.open("ab") as stream:
        stream.write(b" ")


def swap(file: Path, other: Path, rng: np.random.Generator) -> None:
    content = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(content)


def copy_of_another(file: Path, other: Path, rng: np.random.Generator) -> None:
    shutil.copyfile(other, file)


def link(file: Path, other: Path, rng: np.random.Generator) -> None:
    """A link to the very bytes that were committed: still not the archive's own file."""
    target = file.with_name("linked")
    file.rename(target)
    file.symlink_to(target)


def become_a_folder(file: Path, other: Path, rng: np.random.Generator) -> None:
    file.unlink()
    file.mkdir()


def become_a_pipe(file: Path, other: Path, rng: np.random.Generator) -> None:
    file.unlink()
    os.mkfifo(file)


GOLDEN = sorted((Path(__file__).parent / "golden").glob("format_*.zarr"))
MUTATIONS = [flip_bit, truncate, empty, delete, append, swap, copy_of_another, link, become_a_folder, become_a_pipe]
SEEN_BY_SIZE = {truncate, empty, delete, append, link, become_a_folder, become_a_pipe}


def damages(root: Path) -> list[tuple[Path, Path]]:
    """Every file, with another one of its kind (same name but for the number, or same folder depth)."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    kinds: dict[str, list[Path]] = {}
    for file in files:
        kinds.setdefault(re.sub(r"[0-9]+", "N", str(file.relative_to(root))), []).append(file)
    return [(file, kind[(i + 1) % len(kind)]) for kind in kinds.values() for i, file in enumerate(kind)]


def window_of(tiny, file: Path) -> int | None:
    if record := re.fullmatch(r"([0-9]{6})\.json", file.name):
        return int(record[1])
    if chunk := re.fullmatch(r"c\.([0-9]+)(\.0)+", file.name):
        per_window = tiny.layout.frames_per_window // tiny.layout.frames_per_chunk
        return int(chunk[1]) // (per_window if file.parent.name == "frames" else 1)
    return None


@pytest.mark.parametrize(
    ("mutate", "seed"),
    [(mutate, 0) for mutate in MUTATIONS] + [(flip_bit, seed) for seed in range(1, 8)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_damage_is_named(folder, tiny, mutate: Callable, seed: int, tally, soak_round: int):
    root = folder / "a.zarr"
    tiny.write(root)
    backup = folder / "backup"
    shutil.copytree(root, backup)
    rng = np.random.default_rng([seed, soak_round])
    for file, other in damages(root):
        if mutate in (swap, copy_of_another) and file.read_bytes() == other.read_bytes():
            continue
        mutate(file, other, rng)
        tally["mutated archives"] += 1
        name = str(file.relative_to(root))
        window = window_of(tiny, file)
        findings = check_archive(root, read_data=True)
        assert (name, window) in [(finding.file, finding.window) for finding in findings], (name, findings)
        if mutate is swap:
            assert str(other.relative_to(root)) in [finding.file for finding in findings]
        is_chunk = name.count("/c.") == 1
        if mutate in SEEN_BY_SIZE or not is_chunk:
            assert name in [finding.file for finding in check_archive(root, read_data=False)]
        if mutate in (swap, copy_of_another) and is_chunk:
            assert any(f"it holds the bytes of {other.relative_to(root)}" in finding.message for finding in findings)
        assert_reads_truth_or_raises(tiny, root)
        with pytest.raises(ArchiveError):
            tiny.open(root)
        shutil.rmtree(root)
        shutil.copytree(backup, root)


def assert_reads_truth_or_raises(tiny, root: Path) -> None:
    try:
        rollouts = open_archive(root).rollouts
    except ArchiveError:
        return
    for rollout in rollouts:
        latents, frames = tiny.whole(rollout.future)
        for window in range(rollout.num_committed_windows):
            frame_range = tiny.layout.frame_range(window)
            key = slice(frame_range.start, frame_range.stop)
            try:
                np.testing.assert_array_equal(rollout.frames[key], frames[key])
                np.testing.assert_array_equal(rollout.latents[window], latents[window])
            except ArchiveError as error:
                assert f"window {window}: " in str(error)  # noqa: PT017


def test_what_is_no_part_of_an_archive_is_named(folder, tiny):
    root = folder / "a.zarr"
    tiny.write(root)
    (root / "notes.txt").write_text("")
    (root / "rollouts/0000/frames/c.5.0.0.0").write_bytes(b"beyond the last frame")
    (root / "rollouts/0000/_commit/000003.json").write_bytes(b"{}")
    (root / "rollouts/0000/frames/c.0.0.0.0.tmp").write_bytes(b"")
    (root / "rollouts/0007").mkdir()
    (root / "rollouts/0007/deep").mkdir()
    (root / "elsewhere").symlink_to(folder)
    expected = {
        "notes.txt",
        "rollouts/0000/frames/c.5.0.0.0",
        "rollouts/0000/_commit/000003.json",
        "rollouts/0000/frames/c.0.0.0.0.tmp",
        "rollouts/0007",
        "elsewhere",
    }
    for read_data in (False, True):
        assert {finding.file for finding in check_archive(root, read_data)} == expected


def test_what_an_operating_system_leaves_in_folders_is_no_damage(folder, tiny):
    tiny.write(folder / "whole" / "a.zarr")
    root = folder / "a.zarr"
    tiny.write(root, stop_after=2)
    for place in ("", "rollouts", "rollouts/0000", "rollouts/0000/frames", "rollouts/0000/_commit"):
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".nfs0000000000a1b2c3", "._zarr.json"):
            (root / place / name).write_bytes(b"of the system")
    assert check_archive(root, read_data=True) == []
    assert open_archive(root).rollouts[0].num_committed_windows == 2
    tiny.write(root)
    assert check_archive(root, read_data=True) == []
    assert tiny.tree(folder / "whole" / "a.zarr").items() <= tiny.tree(root).items()
    (root / ".DS_Store").unlink()
    (root / ".DS_Store").mkdir()
    assert [finding.file for finding in check_archive(root, read_data=False)] == [".DS_Store"]


@pytest.mark.parametrize("group", ["", "rollouts/0000"])
@pytest.mark.parametrize("source", ["new", *(path.name for path in GOLDEN)])
def test_consolidated_metadata_is_no_damage_unless_it_is_wrong(folder, tiny, source, group):
    root = folder / "a.zarr"
    if source == "new":
        tiny.write(root, stop_after=2)
    else:
        shutil.copytree(Path(__file__).parent / "golden" / source, root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that Zarr 3 does not specify it
        zarr.consolidate_metadata(root, path=group or None)
    document = root / group / "zarr.json"
    assert b"consolidated_metadata" in document.read_bytes()
    assert check_archive(root, read_data=True) == []
    assert open_archive(root).rollouts[0].num_committed_windows == 2
    if source == "new":
        tiny.write(root)
    sound = document.read_text()
    for wrong in (
        sound.replace('"zstd"', '"gzip"', 1),
        sound.replace('"shape"', '"shapes"', 1),
        sound.replace('"latents"', '"others"').replace("/latents", "/others"),
        sound.replace('"attributes": {}', '"attributes": {"mine": 1}', 1),
    ):
        assert wrong != sound
        document.write_text(wrong)
        file = str(document.relative_to(root))
        assert file in [finding.file for finding in check_archive(root, read_data=False)]
        with pytest.raises(ArchiveError, match=file):
            open_archive(root)


@pytest.mark.parametrize("linked", ["rollouts", "rollouts/0001", "rollouts/0001/frames", "rollouts/0001/_commit"])
def test_a_linked_folder_is_damage(folder, tiny, linked):
    root = folder / "a.zarr"
    tiny.write(root)
    (root / linked).rename(folder / "elsewhere")
    (root / linked).symlink_to(folder / "elsewhere")
    assert linked in {finding.file for finding in check_archive(root, read_data=False)}
    with pytest.raises(ArchiveError):
        open_archive(root).rollouts[1].frames[:20]


def test_the_path_to_an_archive_may_be_a_link(folder, tiny):
    tiny.write(folder / "a.zarr")
    (folder / "latest.zarr").symlink_to(folder / "a.zarr")
    assert check_archive(folder / "latest.zarr", read_data=True) == []
    assert open_archive(folder / "latest.zarr").complete
    tiny.write(folder / "latest.zarr")


@pytest.mark.parametrize("removed", [[0], [1], [2], [1, 2], [0, 1, 2]])
def test_removed_records_are_named(folder, tiny, removed):
    root = folder / "a.zarr"
    tiny.write(root)
    for window in removed:
        (root / f"rollouts/0000/_commit/{window:06d}.json").unlink()
    findings = check_archive(root, read_data=False)
    assert {finding.window for finding in findings} == set(removed)
    assert open_archive(root).rollouts[0].num_committed_windows == removed[0]


def test_every_window_behind_a_damaged_record_is_still_checked(folder, tiny):
    root = folder / "a.zarr"
    tiny.write(root)
    (root / "rollouts/0000/_commit/000001.json").unlink()
    (root / "rollouts/0000/frames/c.4.0.0.0").unlink()
    assert {(finding.array, finding.window) for finding in check_archive(root, read_data=False)} == {
        ("rollouts/0000/_commit", 1),
        ("rollouts/0000/frames", 2),
    }


def test_an_interrupted_archive_is_sound(folder, tiny):
    tiny.write(folder / "a.zarr", stop_after=4)
    assert check_archive(folder / "a.zarr", read_data=True) == []
