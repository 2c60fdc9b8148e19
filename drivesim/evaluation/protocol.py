"""Figures with the protocols that they were measured by, and reports of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from drivesim.archive.export import write_text
from drivesim.archive.sealed_json import parse_json
from drivesim.errors import InputError
from drivesim.models.stages import current_name
from drivesim.regular_files import read_regular

_MAX_BYTES = 64 << 20
FORMAT = 2
"""Version 1 was the same, in other words (see `_FORMER_WORDS`)."""

_FORMER_WORDS = (
    ("told ", "conditioned on "),
    ("px a frame", "px per frame"),
    ("boxes found in made frames for each found in real ones", "boxes found in made frames per box found in real ones"),
    ("vehicles found for each found in the", "vehicles found per vehicle found in the"),
    ("counted less asked vehicles", "counted less requested vehicles"),
)
_FORMER_GROUP, _GROUP = "passed", "reconstructed"


@dataclass(frozen=True)
class Protocol:
    """Everything that decides a figure besides the models under test.

    Two figures compare only if their protocols are equal.

    Attributes:
        measure: What is computed, with its constants.
        network: The network whose features or detections the measure uses; None if it uses none.
        network_sha256: sha256 of the weights of that network.
        num_samples: Number of pictures or clips.
        num_frames: Number of frames of each.
        fps: Frames per second; None for single frames.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        resize: How pictures become the input of the network.
        seeds: Seeds of the samples and of the choice of the reference.
        reference: sha256 over the names and pixels of the reference set.
        settings: How the task is set, such as the conditions that the models are given.
    """

    measure: str
    network: str | None
    network_sha256: str | None
    num_samples: int
    num_frames: int
    fps: float | None
    height: int
    width: int
    resize: str
    seeds: str
    reference: str
    settings: str

    @property
    def digest(self) -> str:
        """A short name of exactly this protocol."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval and its protocol.

    Attributes:
        name: Name of the measure, such as `frechet_distance`.
        group: What was measured, such as `composed` or `real`.
        value: The number; None if it could not be measured, such as a rate over no boxes.
        low: Lower end of the interval.
        high: Upper end of the interval.
        count: Number of frames, boxes or vehicles that the figure is about.
        protocol: How it was measured.
    """

    name: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    count: int
    protocol: Protocol


@dataclass(frozen=True)
class Report:
    """The figures of one evaluation.

    Attributes:
        evaluation: Name of the evaluation.
        subject: What was tested: the sha256 of each checkpoint, and how it was sampled.
        figures: The figures.
    """

    evaluation: str
    subject: dict[str, str]
    figures: tuple[Figure, ...]

    def as_json(self) -> str:
        """Returns the report as a JSON document: a table of protocols, and figures that name theirs by digest."""
        protocols = {figure.protocol.digest: asdict(figure.protocol) for figure in self.figures}
        figures = [{**asdict(figure), "protocol": figure.protocol.digest} for figure in self.figures]
        content = {"format": FORMAT, "evaluation": self.evaluation, "subject": self.subject}
        return json.dumps({**content, "protocols": protocols, "figures": figures}, indent=1, allow_nan=False)

    def write(self, path: Path) -> None:
        """Writes the report as a JSON document, whole or not at all."""
        write_text(self.as_json() + "\n", path)

    @classmethod
    def read(cls, path: Path) -> Report:
        """Reads a report that `write` wrote.

        Raises:
            InputError: The file is missing or is not a report, or a protocol in it was changed by hand.
        """
        try:
            content: Any = parse_json(read_regular(path, _MAX_BYTES))
            if content["format"] not in (1, FORMAT):
                raise InputError(f"{path}: a report of format {content['format']!r}, expected 1 or {FORMAT}")
            protocols = TypeAdapter(dict[str, Protocol]).validate_python(content["protocols"])
            figures = [{**figure, "protocol": protocols[figure["protocol"]]} for figure in content["figures"]]
            parsed = TypeAdapter(tuple[Figure, ...]).validate_python(figures)
            report = cls(str(content["evaluation"]), dict(content["subject"]), parsed)
        except OSError as error:
            raise InputError(f"{path}: cannot read the report: {error.strerror}") from None
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            message = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: not a report of `drivesim evaluate` ({message})") from None
        for digest, protocol in protocols.items():
            if protocol.digest != digest:
                raise InputError(f"{path}: protocol {digest} is not the one that its figures were measured by")
        return report if content["format"] == FORMAT else _in_present_words(report)


def _in_present_words(report: Report) -> Report:
    """A report of format 1 in the words of today, so that its figures compare with new ones."""
    figures = []
    for figure in report.figures:
        measure, settings = figure.protocol.measure, figure.protocol.settings
        for former, present in _FORMER_WORDS:
            measure, settings = measure.replace(former, present), settings.replace(former, present)
        group = figure.group
        if group.startswith(_FORMER_GROUP):
            group = _GROUP + group.removeprefix(_FORMER_GROUP)
        figures.append(
            replace(figure, group=group, protocol=replace(figure.protocol, measure=measure, settings=settings))
        )
    subject = {current_name(name): value for name, value in report.subject.items()}
    return Report(current_name(report.evaluation), subject, tuple(figures))
