"""The cache of latents of packed footage, which are encoded once per autoencoder and kept in each shard.

    <shard>/latents-<first 16 digits of the autoencoder's sha256>/
        latents.npy     float16 (n, c, h, w)
        latents.json    sha256 of the latents, of the autoencoder, of the frames, and of itself

The folder is either complete or missing. Processes that need the same latents share the work shard by shard: each
process encodes shards that no other process is encoding, and at the end waits for those of the others.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from drivesim.archive.sealed_json import seal, sha256, unseal
from drivesim.data.frame_array import FrameArray
from drivesim.data.packed import PackedFootage
from drivesim.data.packing import OnProgress, silent
from drivesim.data.publishing import Claim, sweep, writing
from drivesim.data.shards.npy_file import map_array
from drivesim.data.shards.shard import Shard, sha256_of_file
from drivesim.errors import CheckpointError, FootageError, LockHeldError
from drivesim.models.autoencoder import Autoencoder
from drivesim.models.pixels import to_unit_range
from drivesim.regular_files import read_regular

logger = logging.getLogger(__name__)

LATENTS_FILE, IDENTITY_FILE = "latents.npy", "latents.json"
_FRAMES_PER_STEP = 64


@torch.inference_mode()
def latent_cache(
    footage: PackedFootage,
    autoencoder: Autoencoder,
    autoencoder_sha256: str,
    device: str = "cpu",
    on_progress: OnProgress = silent,
) -> FrameArray:
    """Returns the normalised latents of every frame, float16 `n c h w`, and encodes those that are missing or damaged.

    If the footage has grown (`PackedFootage.refreshed`), only new shards are encoded.

    Raises:
        CheckpointError: The autoencoder returns latents that are not finite.
        FootageWriteError: The latents cannot be written.
    """
    cache = _Cache(autoencoder, autoencoder_sha256, device)
    latents = {shard.folder: cache.read(shard) for shard in footage.shards}
    total = len(footage.frames)

    def progress(text: str) -> None:
        there = sum(len(shard) for shard in footage.shards if latents[shard.folder] is not None)
        on_progress(text, there, total)

    def waiting(owner: str) -> None:
        progress(f"waiting for {owner}, which encodes the same frames")

    for wait in (False, True):  # first shards that no other process is encoding, then those that remain
        for shard in footage.shards:
            if latents[shard.folder] is None:
                with suppress(LockHeldError), cache.claim(shard, waiting if wait else None) as claim:
                    latents[shard.folder] = cache.made(shard, claim)
                    progress("encoding frames")
    for shard in footage.shards:
        sweep(shard.folder)
    return FrameArray([encoded for shard in footage.shards if (encoded := latents[shard.folder]) is not None])


class _Cache:
    """The cached latents of one autoencoder."""

    def __init__(self, autoencoder: Autoencoder, autoencoder_sha256: str, device: str) -> None:
        self._autoencoder, self._sha256, self._device = autoencoder, autoencoder_sha256, device

    def claim(self, shard: Shard, waiting: Callable[[str], None] | None) -> Claim:
        """Claims a shard; raises LockHeldError if another process has claimed it and `waiting` is None."""
        folder = self._folder(shard)
        return Claim.acquire(folder) if waiting is None else Claim.wait_for(folder, waiting)

    def read(self, shard: Shard) -> np.ndarray | None:
        """Returns the memory-mapped latents of a shard, or None if they are missing, damaged or of other frames."""
        folder = self._folder(shard)
        if not folder.is_dir():
            return None
        try:
            identity = unseal(read_regular(folder / IDENTITY_FILE))
            if identity["latents_sha256"] != sha256_of_file(folder / LATENTS_FILE):
                raise ValueError(f"{LATENTS_FILE} was changed after it was written")
            if (identity["autoencoder_sha256"], identity["frames_sha256"]) != (self._sha256, shard.frames_sha256):
                raise ValueError("made of other frames or by another autoencoder")
            return map_array(folder / LATENTS_FILE)
        except (OSError, ValueError, KeyError, FootageError) as error:
            logger.warning("%s: cached latents are not usable (%s) and are made again", folder, error)
            return None

    def made(self, shard: Shard, claim: Claim) -> np.ndarray:
        """Returns the latents of a claimed shard, and encodes them unless another process has done so by now."""
        there = self.read(shard)
        if there is not None:
            return there
        claim.discard()
        content = io.BytesIO()
        np.save(content, self._encoded(shard))
        identity = {
            "autoencoder_sha256": self._sha256,
            "frames_sha256": shard.frames_sha256,
            "latents_sha256": sha256(content.getvalue()),
        }
        partial = claim.start()
        with writing(claim.folder):
            (partial / LATENTS_FILE).write_bytes(content.getvalue())
            (partial / IDENTITY_FILE).write_bytes(seal(identity))
        claim.publish()
        return map_array(claim.folder / LATENTS_FILE)

    def _encoded(self, shard: Shard) -> np.ndarray:
        _, height, width, _ = shard.frames.shape
        config = self._autoencoder.config
        latents = np.empty(
            (len(shard), config.latent_channels, height // config.factor, width // config.factor), np.float16
        )
        for start in range(0, len(shard), _FRAMES_PER_STEP):
            frames = torch.from_numpy(np.array(shard.frames[start : start + _FRAMES_PER_STEP])).to(self._device)
            encoded = self._autoencoder.encode(to_unit_range(frames)[:, None])[:, 0].half()
            if not torch.isfinite(encoded).all():
                raise CheckpointError(
                    f"the autoencoder of sha256 {self._sha256} returns latents that are not finite "
                    f"(in {shard.folder}, frames from {start} on); train it again"
                )
            latents[start : start + len(frames)] = encoded.cpu().numpy()
        return latents

    def _folder(self, shard: Shard) -> Path:
        return shard.folder / f"latents-{self._sha256[:16]}"
