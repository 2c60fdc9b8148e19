"""The base class of everything in a scenario file, and the error for values that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from drivesim.scenario.text.problems import FieldPath


class InvalidFieldsError(ValueError):
    """Values are wrong, each at a place of its own.

    A validator raises it for values that are valid alone but do not fit together, and a sweep raises it for a case that
    is no valid scenario.

    Attributes:
        problems: Path and message of each problem. Paths begin at the model, or at the field, whose validator raises
            this error; those of a sweep begin at the root of the swept file.
    """

    def __init__(self, problems: list[tuple[FieldPath, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = problems


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys, values of other types, infinities and NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def model_at(model: type[StrictModel], path: FieldPath) -> type[StrictModel]:
    """Returns the model of the mapping at `path` within `model`, or the last one that is known on the way."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            model = next(_models_in(model.model_fields[step].annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[StrictModel]]:
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
