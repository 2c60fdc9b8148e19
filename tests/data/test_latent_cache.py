"""Latents are those of the autoencoder, made once, whole or not at all, by whoever comes first."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.data import packing
from drivesim.data.clips import FootageTensors
from drivesim.data.latent_cache import latent_cache
from drivesim.data.packed import PackedFootage, footage_under
from drivesim.errors import CheckpointError, FootageWriteError
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import build
from drivesim.models.presets import tiny

Tree = Callable[[Path], dict[str, str]]
WriteLog = Callable[..., Path]
SIZE, SHA256 = (32, 64), "a" * 64


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    return build("autoencoder", tiny()).eval()


@pytest.fixture
def footage(folder: Path, write_log: WriteLog, monkeypatch: pytest.MonkeyPatch) -> PackedFootage:
    """Two shards of three frames."""
    monkeypatch.setattr(packing, "_SHARD_BYTES", 3 * SIZE[0] * SIZE[1] * 3)
    for number in range(2):
        write_log(folder / "data", f"log_{number}", num_frames=3, brightness=60 * number)
    return footage_under(folder / "data", *SIZE)


def test_latents_are_those_of_the_autoencoder_and_are_made_once(
    footage: PackedFootage, autoencoder: Autoencoder
) -> None:
    calls: list[tuple] = []
    latents = latent_cache(footage, autoencoder, SHA256, on_progress=lambda *call: calls.append(call))
    assert calls == [("encoding frames", 3, 6), ("encoding frames", 6, 6)]
    with torch.no_grad():
        direct = autoencoder.encode(FootageTensors(footage, "cpu").frames(torch.arange(6)[:, None]))[:, 0]
    assert np.allclose(latents[:], direct.numpy(), atol=2e-3)
    calls.clear()
    latent_cache(footage, autoencoder, SHA256, on_progress=lambda *call: calls.append(call))
    assert calls == []
    latent_cache(footage, autoencoder, "b" * 64, on_progress=lambda *call: calls.append(call))
    assert len(calls) == 2


def test_of_footage_that_grew_only_new_shards_are_encoded(
    footage: PackedFootage, autoencoder: Autoencoder, write_log: WriteLog
) -> None:
    before = latent_cache(footage, autoencoder, SHA256)
    write_log(footage.folder.parent.parent, "log_2", num_frames=3, brightness=150)
    footage_under(footage.folder.parent.parent, *SIZE)
    calls: list[tuple] = []
    grown = latent_cache(footage.refreshed(), autoencoder, SHA256, on_progress=lambda *call: calls.append(call))
    assert calls == [("encoding frames", 9, 9)]
    np.testing.assert_array_equal(grown[:6], before[:])


@pytest.mark.parametrize("file", ["latents.npy", "latents.json"])
def test_damaged_latents_are_named_and_made_again(
    footage: PackedFootage, autoencoder: Autoencoder, tree: Tree, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    latent_cache(footage, autoencoder, SHA256)
    expected, path = tree(footage.folder), next(footage.shards[1].folder.glob(f"latents-*/{file}"))
    content = bytearray(path.read_bytes())
    content[-40] ^= 4
    path.write_bytes(content)
    latent_cache(footage, autoencoder, SHA256)
    assert tree(footage.folder) == expected
    assert str(path.parent) in caplog.text


def test_latents_that_are_not_finite_name_the_autoencoder(footage: PackedFootage) -> None:
    broken = build("autoencoder", tiny()).eval()
    broken.latent_std.fill_(0)
    with pytest.raises(CheckpointError, match=SHA256):
        latent_cache(footage, broken, SHA256)
    assert not list(footage.folder.rglob("*latents*"))


def test_a_kill_at_any_file_operation_leaves_no_latents_or_whole_ones(
    footage: PackedFootage, autoencoder: Autoencoder, tree: Tree, killed_at: Callable
) -> None:
    expected_latents = np.array(latent_cache(footage, autoencoder, SHA256))
    expected, kill_at, seen = tree(footage.folder), 0, set()
    clean = {path for path in expected if "latents" not in path}

    def forget() -> None:
        for folder in footage.folder.glob("*/latents-*"):
            shutil.rmtree(folder)

    forget()
    while killed_at(lambda: latent_cache(footage, autoencoder, SHA256), kill_at):
        seen.add(len(list(footage.folder.glob("*/latents-*"))))
        killed_at(lambda: latent_cache(footage, autoencoder, SHA256), kill_at * 37 % 41)
        np.testing.assert_array_equal(latent_cache(footage, autoencoder, SHA256), expected_latents)
        assert tree(footage.folder) == expected
        forget()
        assert set(tree(footage.folder)) == clean
        kill_at += 1
    assert seen == {0, 1, 2}


def test_two_processes_share_the_work_and_one_takes_over_from_the_dead(
    footage: PackedFootage,
    autoencoder: Autoencoder,
    folder: Path,
    tree: Tree,
    in_child: Callable,
    wait_until: Callable,
) -> None:
    expected_latents = np.array(latent_cache(footage, autoencoder, SHA256))
    expected, in_hand = tree(footage.folder), folder / "in_hand"
    for cached in footage.folder.glob("*/latents-*"):
        shutil.rmtree(cached)

    def encode_for_ever() -> None:
        _encode_for_ever(autoencoder, in_hand)
        latent_cache(footage, autoencoder, SHA256)

    child = in_child(encode_for_ever)
    wait_until(in_hand.exists, child)
    told: list[str] = []

    def follow(text: str, done: int, total: int) -> None:
        if text.startswith("waiting"):
            child.kill()
        told.append(text)

    latents = latent_cache(footage, autoencoder, SHA256, on_progress=follow)
    np.testing.assert_array_equal(latents, expected_latents)
    assert told[0] == "encoding frames", "the shard that nobody encodes comes first"
    assert told[1].startswith(f"waiting for process {child.pid} on ")
    assert tree(footage.folder) == expected


def _encode_for_ever(autoencoder: Autoencoder, in_hand: Path) -> None:
    def encode(frames: torch.Tensor) -> torch.Tensor:
        in_hand.touch()
        time.sleep(600)
        return frames

    autoencoder.encode = encode


def test_a_full_disk_leaves_no_latents_and_says_so(
    footage: PackedFootage, autoencoder: Autoencoder, on_small_disk: Callable
) -> None:
    def fill(disk) -> None:
        shutil.copytree(footage.folder, disk.folder / "32x64")
        there = PackedFootage.open(disk.folder / "32x64")
        used = sum(path.stat().st_size // 4096 + 1 for path in disk.folder.rglob("*"))
        told = []
        for pages in range(used, used + 8):
            disk.resize(pages * 4096)
            try:
                latent_cache(there, autoencoder, SHA256)
            except FootageWriteError as error:
                told.append(str(error))
            assert all(len(list(cached.iterdir())) == 2 for cached in disk.folder.glob("*/*/latents-*"))
            assert not list(disk.folder.rglob("*.partial"))
            disk.resize(2**20)
            assert len(latent_cache(there, autoencoder, SHA256)) == 6
            for cached in disk.folder.glob("*/*/latents-*"):
                shutil.rmtree(cached)
        assert told
        assert all("No space left on device; make room" in message for message in told)

    on_small_disk(fill)
