"""The distance of clips sees time where the distance of frames does not, and refuses what it cannot measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from drivesim.errors import FootageError, InputError
from drivesim.evaluation.protocol import Figure, Protocol
from drivesim.evaluation.video.measures.distance import (
    clip_and_frame_features,
    clip_distance_figures,
    clip_features,
    clips_of,
    distance_ratio_figure,
)
from drivesim.evaluation.video.measures.features import I3D, StackedFeatures


class Columns:
    """A network whose features are the mean colours of sixteen columns of the picture."""

    name, sha256, resize = "columns", "0" * 64, "none"

    def __call__(self, pictures):
        return torch.nn.functional.adaptive_avg_pool2d(pictures, (1, 16)).flatten(1)


def figures(protocol: Protocol, made: list, asked: list, reference: list) -> dict[tuple[str, str], Figure]:
    networks = (StackedFeatures(Columns()), Columns())
    found = clip_distance_figures(made, asked, reference, networks, 4, protocol, "cpu", lambda *_: None)
    return {(figure.name, figure.group): figure for figure in found}


def test_time_is_seen_by_clips_alone(protocol: Protocol, pan, video_of) -> None:
    asked = [video_of(pan(seed, 8)) for seed in range(8)]
    reference = [video_of(pan(seed, 8)) for seed in range(20, 28)]
    frozen = [video_of(np.repeat(video.frames[:1], 8, 0)) for video in asked]
    measured = figures(protocol, frozen, asked, reference)
    clips = {group: figure.value for (name, group), figure in measured.items() if name == "clip_frechet_distance"}
    frames = {group: figure.value for (name, group), figure in measured.items() if name == "frame_frechet_distance"}
    assert frames["shuffle"] == pytest.approx(frames["real"])
    assert clips["shuffle"] > clips["shuffle neighbours"] > clips["real"]
    assert clips["flicker 0.1"] > clips["flicker 0.05"] > clips["real"]
    for figure in measured.values():
        assert figure.low <= figure.value <= figure.high


def test_a_ratio_compares_two_versions_of_the_same_videos(protocol: Protocol, pan, video_of) -> None:
    network = StackedFeatures(Columns())
    real = [video_of(pan(seed, 8)) for seed in range(8)]
    known, good = (clip_features(network, clips_of(part, 4)) for part in (real[:4], real[4:]))
    bad = clip_features(network, clips_of([video_of(255 - video.frames // 2) for video in real[4:]], 4))
    figure = distance_ratio_figure("ratio", "bad over good", known, bad, good, protocol)
    assert figure.low > 1
    assert distance_ratio_figure("ratio", "same", known, good, good, protocol).value == pytest.approx(1)


def test_frames_that_pass_once_have_the_same_features(pan, video_of) -> None:
    network, clips = StackedFeatures(Columns()), clips_of([video_of(pan(seed, 9)) for seed in range(3)], 4)
    clip, frame = clip_and_frame_features((network, Columns()), clips, "cpu")
    assert np.allclose(clip.values, clip_features(network, clips).values)
    assert (len(clip.values), len(frame.values)) == (6, 24)
    assert clip.num_videos == frame.num_videos == 3


def test_too_few_clips_are_refused(protocol: Protocol, pan, video_of) -> None:
    long, short = [video_of(pan(0, 8)), video_of(pan(1, 8))], [video_of(pan(2, 3))]
    with pytest.raises(FootageError, match="made: 0 clips of 4 frames"):
        figures(protocol, short, long, long)


class _Stand(torch.nn.Module):
    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        return x.mean((3, 4)).flatten(1)


class _Picture(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_i3d_is_a_file_of_the_user(tmp_path: Path) -> None:
    torch.jit.script(_Stand()).save(str(tmp_path / "i3d.pt"))
    network = I3D.load(tmp_path / "i3d.pt")
    clips = np.random.default_rng(0).integers(0, 256, (2, 12, 8, 8, 3), np.uint8)
    assert network(clips).shape == (2, 36)
    assert network.name == "i3d"
    assert len(network.sha256) == 64


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        I3D.load(tmp_path / "missing.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(InputError, match="not a TorchScript file"):
        I3D.load(tmp_path / "text.pt")
    torch.jit.script(_Picture()).save(str(tmp_path / "picture.pt"))
    with pytest.raises(InputError, match="takes no clips"):
        I3D.load(tmp_path / "picture.pt")
