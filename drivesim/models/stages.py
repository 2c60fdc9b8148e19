"""The stages: every trained role of the system, in the order of training, in one table.

A *stage* is one role with one checkpoint. Whatever depends on the stages reads this table: the order of a training
chain and its shares of the time, the checkpoints that a stage is trained with, the configuration of its network, the
commands of `drivesim train`. The table imports no torch; `drivesim.models.networks` builds the networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from drivesim.models.autoencoder import AutoencoderConfig
    from drivesim.models.temporal import TemporalConfig
    from drivesim.models.unet import UNetConfig
    from drivesim.models.upsampler import UpsamplerConfig
    from drivesim.models.vehicle_detector import VehicleDetectorConfig

    NetworkConfig = AutoencoderConfig | UNetConfig | UpsamplerConfig | VehicleDetectorConfig

VEHICLE_DETECTOR, LAYOUTS, GUIDE = "vehicle_detector", "layouts", "guide"


class Sizes(Protocol):
    """What a preset (`drivesim.models.presets.Preset`) holds for the stages."""

    @property
    def autoencoder(self) -> AutoencoderConfig:
        """The autoencoder."""
        ...

    @property
    def image(self) -> UNetConfig:
        """The image model."""
        ...

    @property
    def prediction(self) -> TemporalConfig:
        """The temporal layers of the prediction model."""
        ...

    @property
    def interpolation(self) -> TemporalConfig:
        """The temporal layers of the interpolation model."""
        ...

    @property
    def upsampler(self) -> UpsamplerConfig:
        """The image upsampler."""
        ...

    @property
    def upsampler_temporal(self) -> TemporalConfig:
        """The temporal layers of the video upsampler."""
        ...

    @property
    def vehicle_detector(self) -> VehicleDetectorConfig:
        """The vehicle detector."""
        ...


class Family(Enum):
    """The kind of model that a stage is: stages of one family share the class of their network."""

    AUTOENCODER = auto()
    LATENT_DIFFUSION = auto()
    UPSAMPLER = auto()
    VEHICLE_DETECTOR = auto()
    LAYOUTS = auto()


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Attributes:
        role: Name of the stage, of its checkpoint and of its command.
        family: Kind of model.
        purpose: One sentence that says what the stage does.
        config: Takes the configuration of the network out of a preset; None for a stage without a network.
        share: Share of a chain's time by default, relative to the other stages; 0 for a stage that a chain leaves out
            unless it is asked for, or that is not trained at all.
        foundations: Stages whose checkpoints this one is trained with, in the order of training.
        base: The foundation that the network extends by temporal layers. The checkpoint then holds the parameters of
            these layers alone.
        student_of: The foundation that the stage starts from and learns to replace, or to finish, in few steps; None
            for a stage that is not a student.
        num_steps: The number of steps in which a student is sampled, which its training decides; None for other stages.
        takes_over_at: Diffusion time at which a student takes over from its teacher, which makes the steps before; None
            for a student that makes all steps, and for other stages.
        optional: Whether a set of checkpoints is complete without the stage.
        former_name: Name of the stage in files of earlier versions; None if it never had another one.
    """

    role: str
    family: Family
    purpose: str
    config: Callable[[Sizes], NetworkConfig] | None = None
    share: float = 0.0
    foundations: tuple[str, ...] = ()
    base: str | None = None
    student_of: str | None = None
    num_steps: int | None = None
    takes_over_at: int | None = None
    optional: bool = False
    former_name: str | None = None


_TABLE = (
    Stage(
        "autoencoder",
        Family.AUTOENCODER,
        "Encodes frames as latents and decodes them again.",
        config=lambda preset: preset.autoencoder,
        share=0.22,
    ),
    Stage(
        "image",
        Family.LATENT_DIFFUSION,
        "Makes single frames from boxes, time of day and crowdedness.",
        config=lambda preset: preset.image,
        share=0.26,
        foundations=("autoencoder",),
    ),
    Stage(
        GUIDE,
        Family.LATENT_DIFFUSION,
        "Guides the image model away from the faults that a smaller one makes.",
        config=lambda preset: replace(preset.image, base_channels=preset.image.base_channels // 2),
        foundations=("autoencoder",),
        optional=True,
    ),
    Stage(
        "prediction",
        Family.LATENT_DIFFUSION,
        "Continues known keyframes.",
        config=lambda preset: replace(preset.image, temporal=preset.prediction),
        share=0.18,
        foundations=("autoencoder", "image"),
        base="image",
    ),
    Stage(
        "interpolation",
        Family.LATENT_DIFFUSION,
        "Fills in the frames between two known ones.",
        config=lambda preset: replace(preset.image, temporal=preset.interpolation),
        share=0.10,
        foundations=("autoencoder", "image"),
        base="image",
    ),
    Stage(
        "image_few_steps",
        Family.LATENT_DIFFUSION,
        "Makes single frames like `image`, in four steps.",
        config=lambda preset: preset.image,
        foundations=("autoencoder", "image"),
        student_of="image",
        num_steps=4,
        optional=True,
    ),
    Stage(
        "prediction_few_steps",
        Family.LATENT_DIFFUSION,
        "Continues known keyframes like `prediction`, whose last steps it makes in two.",
        config=lambda preset: replace(preset.image, temporal=preset.prediction),
        foundations=("autoencoder", "image", "prediction"),
        base="image",
        student_of="prediction",
        num_steps=2,
        takes_over_at=499,
        optional=True,
    ),
    Stage(
        "interpolation_few_steps",
        Family.LATENT_DIFFUSION,
        "Fills in the frames between two known ones like `interpolation`, in two steps.",
        config=lambda preset: replace(preset.image, temporal=preset.interpolation),
        foundations=("autoencoder", "image", "interpolation"),
        base="image",
        student_of="interpolation",
        num_steps=2,
        optional=True,
    ),
    Stage(
        "decoder",
        Family.AUTOENCODER,
        "Decodes latents to steady video.",
        config=lambda preset: replace(preset.autoencoder, temporal_decoder=True),
        share=0.03,
        foundations=("autoencoder",),
        base="autoencoder",
    ),
    Stage(
        "upsampler_image",
        Family.UPSAMPLER,
        "Enlarges single frames.",
        config=lambda preset: preset.upsampler,
        share=0.12,
        foundations=("autoencoder",),
    ),
    Stage(
        "upsampler",
        Family.UPSAMPLER,
        "Enlarges video.",
        config=lambda preset: replace(preset.upsampler, temporal=preset.upsampler_temporal),
        share=0.04,
        foundations=("autoencoder", "upsampler_image"),
        base="upsampler_image",
    ),
    Stage(
        VEHICLE_DETECTOR,
        Family.VEHICLE_DETECTOR,
        "Finds vehicles in frames, which is how adherence is measured.",
        config=lambda preset: preset.vehicle_detector,
        share=0.05,
        optional=True,
        former_name="reader",
    ),
    Stage(
        LAYOUTS,
        Family.LAYOUTS,
        "Collects where vehicles stand in frames of each crowdedness; nothing is trained.",
        optional=True,
    ),
)

STAGES = {stage.role: stage for stage in _TABLE}
"""All stages by role, in the order of training."""

ROLES = tuple(role for role, stage in STAGES.items() if not stage.optional)
"""The stages without which no video is made: every complete set of checkpoints has them."""

OPTIONAL = tuple(role for role, stage in STAGES.items() if stage.optional)
"""The stages that a set may lack: students, guide and layouts, and the vehicle detector, which judges frames."""

BASE_OF = {role: stage.base for role, stage in STAGES.items() if stage.base is not None}
"""The stage whose network each video stage extends by temporal layers."""

TEACHER_OF = {role: stage.student_of for role, stage in STAGES.items() if stage.student_of is not None}
"""The stage that each student learns to replace."""

STUDENT_OF = {teacher: role for role, teacher in TEACHER_OF.items()}
"""The student of each stage that has one."""

_CURRENT_NAMES = {stage.former_name: role for role, stage in STAGES.items() if stage.former_name is not None}


def current_name(name: str) -> str:
    """Returns the present name of a stage that a file or a command may call by its former name."""
    return _CURRENT_NAMES.get(name, name)


def recorded_name(role: str) -> str:
    """Returns the name of a stage in the identity of an archive, which has to stay the same for ever."""
    return STAGES[role].former_name or role


def checkpoint_file(folder: Path, role: str) -> Path:
    """Returns where the checkpoint of a stage lies, or will lie, in a folder."""
    return _path_by_name(folder, role, ".safetensors")


def former_checkpoint_file(folder: Path, role: str) -> Path | None:
    """Returns where an earlier version kept the checkpoint of a stage, if under another name."""
    former = STAGES[role].former_name
    return None if former is None else folder / f"{former}.safetensors"


def training_folder(checkpoints: Path, role: str) -> Path:
    """Returns where the states, metrics and pictures of a stage's training lie in a folder of checkpoints."""
    return _path_by_name(checkpoints / "training", role, "")


def _path_by_name(folder: Path, role: str, suffix: str) -> Path:
    """The path under the present name, unless there is only one under the former name."""
    path, former = folder / f"{role}{suffix}", STAGES[role].former_name
    if former is not None and not path.exists() and (folder / f"{former}{suffix}").exists():
        return folder / f"{former}{suffix}"
    return path
