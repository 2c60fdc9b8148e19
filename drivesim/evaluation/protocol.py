"""Protocols, figures and reports: a figure without its protocol says nothing, so there is none."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drivesim.errors import InputError

FORMAT = 1


@dataclass(frozen=True)
class Protocol:
    """Everything besides the models under test that decides a figure; two figures compare only if all of it is equal.

    measure: what is computed, with its constants. network, network_sha256: whose features or detections it uses.
    num_samples: pictures or clips; num_frames: of each; fps: None for single frames. resize: from the pictures to
    what the network sees. seeds: of the samples and of the draw of the reference. reference: sha256 over the names and
    pixels of the reference set. settings: how the task is set, such as what the models were told.
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
        """Short name of exactly this protocol."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval `low`..`high` and its protocol.

    name: of the measure, such as `frechet_distance`. group: of what, such as `composed` or `real`. count: how many
    things it is about. A value of None was not measurable, for instance a rate of nothing.
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
    """Figures of one evaluation. `subject`: what was tested, sha256 of each checkpoint and how it was sampled."""

    evaluation: str
    subject: dict[str, str]
    figures: tuple[Figure, ...]

    def as_json(self) -> str:
        """One JSON document; protocols stand in a table, each figure names its own by digest."""
        protocols = {figure.protocol.digest: asdict(figure.protocol) for figure in self.figures}
        figures = [{**asdict(figure), "protocol": figure.protocol.digest} for figure in self.figures]
        content = {"format": FORMAT, "evaluation": self.evaluation, "subject": self.subject}
        return json.dumps({**content, "protocols": protocols, "figures": figures}, indent=1, allow_nan=False)

    def write(self, path: Path) -> None:
        """Writes the JSON document, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".partial")
        temporary.write_text(self.as_json() + "\n")
        os.replace(temporary, path)

    @classmethod
    def read(cls, path: Path) -> Report:
        """What `write` wrote; InputError where the file is no report, or a protocol was changed by hand."""
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != FORMAT:
                raise InputError(f"{path}: a report of format {content['format']!r}, expected {FORMAT}")
            protocols = TypeAdapter(dict[str, Protocol]).validate_python(content["protocols"])
            figures = [{**figure, "protocol": protocols[figure["protocol"]]} for figure in content["figures"]]
            parsed = TypeAdapter(tuple[Figure, ...]).validate_python(figures)
            report = cls(str(content["evaluation"]), dict(content["subject"]), parsed)
        except OSError as error:
            raise InputError(f"{path}: cannot read the report: {error.strerror}") from None
        except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
            message = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: no report of `drivesim evaluate` ({message})") from None
        for digest, protocol in protocols.items():
            if protocol.digest != digest:
                raise InputError(f"{path}: protocol {digest} is not the one that its figures were measured by")
        return report
