"""A checkpoint and the manifest that names it appear together: whatever is killed, the set opens and is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from drivesim.errors import CheckpointError
from drivesim.models.checkpoints import (
    BASE_OF,
    CheckpointSet,
    build,
    load_checkpoint,
    publish_checkpoint,
    save_checkpoint,
    sha256_of,
    verify_published,
    write_manifest,
)
from drivesim.models.presets import Preset, tiny

FILE_EVENTS = ("open", "os.rename", "os.remove")


def changed(role: str, folder: Path) -> nn.Module:
    """The network of a stage as it is in `folder`, but for its own parameters."""
    network = CheckpointSet.open(folder).load(role)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if role not in BASE_OF or "temporal" in name:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return network


@pytest.fixture
def killed_at(in_child: Callable) -> Callable[[int, Path, str, nn.Module], bool]:
    """Publishes in a child process that ends at its n-th file event in the folder; false where it came to its end."""

    def publish(event_number: int, folder: Path, role: str, module: nn.Module) -> bool:
        left = event_number

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in FILE_EVENTS and str(folder) in str(arguments[0]):
                left -= 1
                if left < 0:
                    os._exit(9)

        def work() -> None:
            sys.addaudithook(count)
            publish_checkpoint(folder, tiny(), role, module)

        code = in_child(work).wait()
        assert code in (0, 9)
        return code == 9

    return publish


@pytest.mark.parametrize("role", ["autoencoder", "prediction"])
def test_a_kill_at_any_file_event_leaves_the_old_set_or_the_new_one(
    role: str, tiny_checkpoints: Path, tmp_path: Path, killed_at: Callable
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, folder)
    module, before = changed(role, folder), CheckpointSet.open(folder).sha256[role]
    expected = publish_checkpoint(folder, tiny(), role, module).sha256[role]
    assert expected != before
    seen, number = set(), 0
    while True:
        shutil.rmtree(folder)
        shutil.copytree(tiny_checkpoints, folder)
        killed = killed_at(number, folder, role, module)
        found = CheckpointSet.open(folder)
        assert sha256_of(found.path(role)) == found.sha256[role]
        found.load("interpolation")
        seen.add(found.sha256[role])
        again = publish_checkpoint(folder, tiny(), role, module)
        assert again.sha256[role] == expected
        assert {*folder.glob("*.partial"), *folder.glob("*.next")} == set()
        if not killed:
            break
        number += 1
    assert seen == {before, expected}
    assert number > 8


def test_the_first_checkpoint_of_a_folder_is_published_whole_or_not_at_all(
    tmp_path: Path, preset: Preset, killed_at: Callable
) -> None:
    network, number = build("autoencoder", preset), 0
    while killed_at(number, tmp_path, "autoencoder", network):
        number += 1
        if (tmp_path / "autoencoder.safetensors").is_file():
            CheckpointSet.open(tmp_path).load("autoencoder")
        else:
            with pytest.raises(CheckpointError, match="no checkpoints here"):
                CheckpointSet.open(tmp_path)
        for file in tmp_path.iterdir():
            file.unlink()
    CheckpointSet.open(tmp_path).load("autoencoder")


def test_publishing_what_is_there_touches_no_file(tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, folder)
    module = CheckpointSet.open(folder).load("prediction")
    publish_checkpoint(folder, tiny(), "prediction", module)
    files = {file: file.stat() for file in folder.iterdir()}
    publish_checkpoint(folder, tiny(), "prediction", module)
    write_manifest(folder, tiny())
    after = {file: file.stat() for file in folder.iterdir()}
    assert {f: (s.st_ino, s.st_mtime_ns) for f, s in files.items()} == {
        f: (s.st_ino, s.st_mtime_ns) for f, s in after.items()
    }


def test_a_stage_whose_base_was_replaced_meanwhile_is_not_published(tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, folder)
    prediction = CheckpointSet.open(folder).load("prediction")
    before = (folder / "prediction.safetensors").read_bytes()
    publish_checkpoint(folder, tiny(), "image", changed("image", folder))
    with pytest.raises(CheckpointError, match="trained on another checkpoint"):
        publish_checkpoint(folder, tiny(), "prediction", prediction)
    assert (folder / "prediction.safetensors").read_bytes() == before
    (folder / "image.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        publish_checkpoint(folder, tiny(), "prediction", prediction)


def test_damage_of_another_stage_is_not_taken_for_an_unfinished_publication(
    tiny_checkpoints: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(tiny_checkpoints, folder)
    (folder / "manifest.json.next").write_bytes((folder / "manifest.json").read_bytes())
    path = folder / "autoencoder.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="differs from the manifest"):
        CheckpointSet.open(folder).load("autoencoder")


def test_the_bytes_are_the_same_in_every_process(tmp_path: Path, preset: Preset) -> None:
    script = (
        "import sys, pathlib, torch\n"
        "from drivesim.models.checkpoints import build, save_checkpoint\n"
        "from drivesim.models.presets import tiny\n"
        "torch.manual_seed(0)\n"
        "save_checkpoint(pathlib.Path(sys.argv[1]), build('prediction', tiny()), 'prediction', 'b' * 64)\n"
    )
    torch.manual_seed(0)
    network = build("prediction", preset)
    digests = set()
    for number in range(2):
        save_checkpoint(tmp_path / f"{number}.safetensors", network, "prediction", "b" * 64)
        digests.add(sha256_of(tmp_path / f"{number}.safetensors"))
    for seed in ("1", "2"):
        path = tmp_path / f"other_{seed}.safetensors"
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, env=os.environ | {"PYTHONHASHSEED": seed})
        digests.add(sha256_of(path))
    assert len(digests) == 1


def test_metadata_is_written_in_order_and_read_back(tmp_path: Path, preset: Preset) -> None:
    path = tmp_path / "prediction.safetensors"
    save_checkpoint(path, build("prediction", preset), "prediction", "b" * 64)
    header = path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")].decode()
    places = [header.index(f'"{key}"') for key in ("base_sha256", "config", "format", "role")]
    assert places == sorted(places)
    assert (8 + len(header)) % 8 == 0


def test_an_image_checkpoint_of_the_library_alone_still_loads(tmp_path: Path, preset: Preset) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "image.safetensors"
    save_checkpoint(path, build("image", preset), "image")
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), tmp_path / "old.safetensors", metadata)
    old, new = load_checkpoint(tmp_path / "old.safetensors", "image"), load_checkpoint(path, "image")
    assert all(torch.equal(value, old.state_dict()[name]) for name, value in new.state_dict().items())


def test_a_damaged_file_of_another_stage_is_not_made_good(tiny_checkpoints: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoints, tmp_path / "set")
    image = folder / "image.safetensors"
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    publish_checkpoint(folder, tiny(), "upsampler_image", changed("upsampler_image", folder))
    with pytest.raises(CheckpointError, match=r"image\.safetensors: its sha256 differs from the manifest"):
        CheckpointSet.open(folder).load("image")
    with pytest.raises(CheckpointError, match=r"image\.safetensors: its sha256 differs from the manifest"):
        verify_published(folder, ["autoencoder", "image"])
    verify_published(folder, ["autoencoder", "decoder"])
    (folder / "manifest.json").unlink()
    verify_published(folder, ["image"])


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    module = build("vehicle_detector", tiny())
    assert set(publish_checkpoint(tmp_path / "new" / "set", tiny(), "vehicle_detector", module).sha256) == {
        "vehicle_detector"
    }
