"""Names of vehicles in data sets and the drivesim category of each; other names do not stand for vehicles."""

from __future__ import annotations

from drivesim.scenario.schema.vocabulary import VehicleCategory

_WORDS: dict[VehicleCategory, tuple[str, ...]] = {
    "car": ("car", "automobile", "sedan", "suv", "taxi", "police", "pickup", "police car", "vehicle", "passenger car"),
    "van": ("van", "minivan", "ambulance"),
    "truck": ("truck", "lorry", "trailer", "construction", "construction vehicle", "fire truck", "heavy truck"),
    "bus": ("bus", "coach", "bendy bus", "school bus"),
}
_CATEGORY = {word: category for category, words in _WORDS.items() for word in words}


def vehicle_category(name: str) -> VehicleCategory | None:
    """Returns the category of a vehicle by its usual name, with blanks, `_` or `-`; None for anything else."""
    return _CATEGORY.get(" ".join(name.replace("_", " ").replace("-", " ").lower().split()))
