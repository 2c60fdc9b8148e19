"""The base of everything that a scenario file may say: no unknown keys, no conversions, no infinities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from drivesim.scenario.text.problems import FieldPath


class MisfittingFields(ValueError):
    """Values that are fine alone but do not fit others; `problems` holds the path and the message of each.

    Paths begin at the model, or at the field, whose validator raises this.
    """

    def __init__(self, problems: list[tuple[FieldPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = problems


class StrictModel(BaseModel):
    """Frozen, and closed to keys and types that were not asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def model_at(model: type[StrictModel], path: FieldPath) -> type[StrictModel]:
    """The model of the mapping that stands at `path` in a mapping of `model`; the last one known on the way."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            model = next(_models_in(model.model_fields[step].annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[StrictModel]]:
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
