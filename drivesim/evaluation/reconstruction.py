"""How well the autoencoder reconstructs frames, compared with what known damage costs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import torch

from drivesim.evaluation.figures import mean_figure
from drivesim.evaluation.metrics.bootstrap import bootstrap_interval
from drivesim.evaluation.metrics.corruptions import ladder
from drivesim.evaluation.metrics.similarity import psnr_db, ssim
from drivesim.evaluation.protocol import Figure, Protocol, Report
from drivesim.evaluation.samples.footage import MeasuredFootage, OnProgress
from drivesim.models import pixels
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.pixels import to_bytes, to_unit_range
from drivesim.training.losses.crops import inside_vehicles
from drivesim.training.losses.perceptual import PerceptualDistance
from drivesim.training.losses.reconstruction import error_inside

_SHOWN = ("blur 0.5", "blur 1", "noise 0.05")


def reconstruction_report(
    models: CheckpointSet, footage: MeasuredFootage, seed: int, device: str, on_progress: OnProgress
) -> Report:
    """Returns the report on the autoencoder of a set of checkpoints.

    Raises:
        CheckpointError: The checkpoint of the autoencoder is missing or damaged.
    """
    autoencoder = cast(Autoencoder, models.load("autoencoder").to(device))
    figures = tuple(reconstruction_figures(autoencoder, footage, seed, device, on_progress))
    return Report("reconstruction", {"autoencoder": models.sha256["autoencoder"]}, figures)


def reconstruction_figures(
    autoencoder: Autoencoder, footage: MeasuredFootage, seed: int, device: str, on_progress: OnProgress
) -> Iterator[Figure]:
    """Measures how far frames are from their reconstructions.

    Yields:
        PSNR, SSIM and a shift-tolerant perceptual distance, averaged over frames, and the PSNR over the pixels inside
        labelled vehicles of all frames together, as the training of the autoencoder measures it.
    """
    frames, perceptual = footage.frames, PerceptualDistance().to(device)
    sets = {"decoded": decoded(autoencoder, frames, device, on_progress)}
    sets |= {rung.name: rung.apply(frames) for rung in ladder() if rung.name in _SHOWN}
    measures = {
        "psnr_db": (psnr_db, None, None),
        "ssim": (ssim, None, None),
        "perceptual": (lambda a, b: perceptual_distances(perceptual, a, b, device), "st-lpips-alex", perceptual),
    }
    for done, (group, made) in enumerate(sets.items(), 1):
        for name, (measure, network, weights) in measures.items():
            height, width = frames.shape[1:3]
            protocol = Protocol(
                measure=f"{name}, mean over frames",
                network=network,
                network_sha256=None if weights is None else _sha256(weights),
                num_samples=len(frames),
                num_frames=1,
                fps=None,
                height=height,
                width=width,
                resize="none",
                seeds=f"reference {seed}",
                reference=footage.identity,
                settings="posterior mean",
            )
            values = measure(frames, made)
            yield mean_figure(name, group, values, protocol)
        pooled = "psnr_db over the pixels inside labelled vehicles of all frames, bootstrap over frames"
        how = replace(protocol, measure=pooled, network=None, network_sha256=None)
        yield vehicle_psnr_figure(group, footage, made, how)
        on_progress("comparing", done, len(sets))


def vehicle_psnr_figure(group: str, footage: MeasuredFootage, made: np.ndarray, protocol: Protocol) -> Figure:
    """Returns `vehicle_psnr_db` of made frames uint8 `n h w 3`; frames without a vehicle have no part in it."""
    boxes = footage.conditions(("boxes",)).boxes
    assert boxes is not None, "footage gives the boxes that are asked of it"
    errors, counts = [], []
    for start in range(0, len(made), 16):
        part = slice(start, start + 16)
        inside = inside_vehicles(boxes.xyxy[part, 0], boxes.category[part, 0], *made.shape[1:3])
        of_part = error_inside(_tensor(footage.some_frames(part), "cpu"), _tensor(made[part], "cpu"), inside)
        errors.append(of_part[0])
        counts.append(of_part[1])
    total, count = torch.cat(errors).numpy(), torch.cat(counts).numpy()
    with_vehicle = count > 0
    if not with_vehicle.any():
        return Figure("vehicle_psnr_db", group, None, None, None, 0, protocol)
    total, count = total[with_vehicle], count[with_vehicle]

    def psnr(weight: np.ndarray) -> float:
        return float(pixels.psnr_db(torch.tensor(weight @ total / (weight @ count))))

    value, interval = psnr(np.ones(len(total))), bootstrap_interval(psnr, [len(total)])
    return Figure("vehicle_psnr_db", group, value, *interval, len(total), protocol)


@torch.inference_mode()
def decoded(autoencoder: Autoencoder, frames: np.ndarray, device: str, on_progress: OnProgress) -> np.ndarray:
    """Encodes and decodes frames uint8 `n h w 3`; returns frames of the same shape."""
    parts = []
    for start in range(0, len(frames), 16):
        made = autoencoder.decode(autoencoder.encode(_tensor(frames[start : start + 16], device)[:, None]))[:, 0]
        parts.append(to_bytes(made))
        on_progress("encoding and decoding", min(start + 16, len(frames)), len(frames))
    return np.concatenate(parts)


@torch.inference_mode()
def perceptual_distances(
    distance: PerceptualDistance, first: np.ndarray, second: np.ndarray, device: str
) -> np.ndarray:
    """Returns the ST-LPIPS distance of two sets of frames uint8 `n h w 3`, frame by frame: `n`."""
    parts = [
        distance(_tensor(first[start : start + 16], device), _tensor(second[start : start + 16], device)).cpu().numpy()
        for start in range(0, len(first), 16)
    ]
    return np.concatenate(parts).astype(np.float64)


def _tensor(frames: np.ndarray, device: str) -> torch.Tensor:
    return to_unit_range(torch.from_numpy(frames).to(device))


def _sha256(network: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()
