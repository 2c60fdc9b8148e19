"""Latents of packed footage, encoded once: `latents.npy` (n, c, h, w) float16 beside the frames."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch

from drivesim.data.packed import PackedFootage
from drivesim.models.autoencoder import Autoencoder

_FRAMES_A_STEP = 64


@torch.inference_mode()
def latent_cache(
    footage: PackedFootage,
    autoencoder: Autoencoder,
    autoencoder_sha256: str,
    device: str = "cpu",
    on_frames: Callable[[int], None] = lambda done: None,
    process: int = 0,
    num_processes: int = 1,
    wait_for_all: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Normalised latents of every frame, memory-mapped; made if they are not there for this very autoencoder.

    Several processes share the work: each calls this with its number, and `wait_for_all` is their barrier.
    """
    path = footage.folder / f"latents-{autoencoder_sha256[:16]}.npy"
    if not path.is_file():
        n, height, width, _ = footage.frames.shape
        factor, channels = autoencoder.config.factor, autoencoder.config.latent_channels
        partial = path.with_name(path.name + ".partial")
        shape = (n, channels, height // factor, width // factor)
        if process == 0:
            np.lib.format.open_memmap(partial, "w+", np.float16, shape).flush()
        wait_for_all()
        latents = np.load(partial, mmap_mode="r+")
        for start in range(process * _FRAMES_A_STEP, n, num_processes * _FRAMES_A_STEP):
            frames = torch.tensor(footage.frames[start : start + _FRAMES_A_STEP]).to(device)
            encoded = autoencoder.encode(frames.movedim(-1, 1)[:, None].float() / 127.5 - 1)
            latents[start : start + _FRAMES_A_STEP] = encoded[:, 0].half().cpu().numpy()
            on_frames(min(n, start + _FRAMES_A_STEP))
        latents.flush()
        wait_for_all()
        if process == 0:
            os.replace(partial, path)
        wait_for_all()
    return np.load(path, mmap_mode="r")
