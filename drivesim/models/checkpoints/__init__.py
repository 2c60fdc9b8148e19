"""Checkpoints: safetensors files, one per stage, in a folder whose manifest names them.

files.py         one checkpoint: its content, how it is written and loaded
manifest.py      a set of checkpoints: preset, sha256 of each file, verification
publishing.py    a new checkpoint takes its place in a set, whole or not at all
tensor_file.py   safetensors with the same bytes for the same tensors, in every process
int8_weights.py  weights as eight-bit integers, for files of half the size
conversion.py    a whole set stored with int8 weights
growth.py        weights for a network with more latent channels
"""

from drivesim.models.checkpoints.files import load_checkpoint, load_layout_prior, save_checkpoint
from drivesim.models.checkpoints.manifest import CheckpointSet
from drivesim.models.checkpoints.publishing import publish_checkpoint, verify_published, write_manifest
from drivesim.models.networks import build
from drivesim.models.stages import BASE_OF, LAYOUTS, ROLES, STAGES, VEHICLE_DETECTOR
from drivesim.regular_files import sha256_of

__all__ = [
    "BASE_OF",
    "LAYOUTS",
    "ROLES",
    "STAGES",
    "VEHICLE_DETECTOR",
    "CheckpointSet",
    "build",
    "load_checkpoint",
    "load_layout_prior",
    "publish_checkpoint",
    "save_checkpoint",
    "sha256_of",
    "verify_published",
    "write_manifest",
]
