"""Networks that map clips to features, so that a distance between sets of videos sees motion.

The Fréchet video distance (Unterthiner et al., 2018) has the features of I3D. A user who has that network as a
TorchScript file names it, and only then is the figure called FVD. Otherwise the features of a picture network stand in
for it, stacked over time: those of each frame, and their changes from frame to frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from drivesim.errors import InputError
from drivesim.evaluation.metrics.features import FeatureNetwork, features_of
from drivesim.models.checkpoints import sha256_of

I3D_NAME = "i3d"
_I3D_SHORTEST = 10


class ClipNetwork(Protocol):
    """Maps clips to features.

    Attributes:
        name: Name of the network, for the protocol.
        sha256: sha256 of its weights, for the protocol.
        resize: How frames become its input, for the protocol.
        shortest: Smallest number of frames of a clip.
    """

    name: str
    sha256: str
    resize: str
    shortest: int

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Maps clips uint8 `n t h w 3` to features float32 `n d`."""
        ...


class StackedFeatures:
    """The features of a picture network in each frame, and their changes from frame to frame, one after the other.

    Changes are scaled so that a frame that has nothing to do with the one before it counts as much as a frame itself
    (the difference of two independent features has twice their variance).
    """

    shortest = 2

    def __init__(self, pictures: FeatureNetwork, device: str = "cpu") -> None:
        self._pictures, self._device = pictures, device
        self.name = f"{pictures.name}, stacked over time"
        self.sha256, self.resize = pictures.sha256, pictures.resize

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Maps clips uint8 `n t h w 3` to features float32 `n (2 t - 1) d`, flattened."""
        features = features_of(self._pictures, rearrange(clips, "n t h w c -> (n t) h w c"), self._device)
        return self.stacked(rearrange(features, "(n t) d -> n t d", n=len(clips)))

    @staticmethod
    def stacked(by_frame: np.ndarray) -> np.ndarray:
        """Returns the features of clips `n (2 t - 1) d`, flattened, given those of their frames `n t d`."""
        changes = np.diff(by_frame, axis=1) / np.sqrt(2)
        rows = rearrange(np.concatenate([by_frame, changes], 1), "n k d -> n (k d)")
        return rows / np.sqrt(by_frame.shape[1])


class I3D:
    """I3D (Carreira and Zisserman, 2017) as the TorchScript file that implementations of the FVD share.

    Its forward function takes clips `n 3 t h w` in 0..255 and, with `rescale` and `resize`, prepares them itself; with
    `return_features` it returns 400 numbers per clip.
    """

    name = I3D_NAME
    resize = "by the network, to 224x224"
    shortest = _I3D_SHORTEST

    def __init__(self, network: torch.jit.ScriptModule, sha256: str, device: str) -> None:
        self._network, self.sha256, self._device = network, sha256, device

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> I3D:
        """Loads the network.

        Raises:
            InputError: The file is missing, is no TorchScript, or does not take a clip.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; the FVD needs I3D as TorchScript, such as i3d_torchscript.pt")
        try:
            network = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]  # untyped in torch
        except RuntimeError as error:
            raise InputError(f"{path}: not a TorchScript file ({str(error).splitlines()[0]})") from None
        loaded = cls(network, sha256_of(path), device)
        try:
            features = loaded(np.zeros((1, 16, 32, 32, 3), np.uint8))
        except (RuntimeError, TypeError) as error:
            raise InputError(
                f"{path}: this network takes no clips as I3D does ({str(error).splitlines()[0]})"
            ) from None
        if features.ndim != 2:
            raise InputError(f"{path}: expected one vector of features per clip, got shape {features.shape}")
        return loaded

    @torch.inference_mode()
    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Maps clips uint8 `n t h w 3` to features float32 `n 400`."""
        rows = []
        for clip in clips:
            given: Tensor = rearrange(torch.from_numpy(np.ascontiguousarray(clip)), "t h w c -> 1 c t h w").float()
            rows.append(self._network(given.to(self._device), rescale=True, resize=True, return_features=True))
        return torch.cat(rows).float().cpu().numpy()
