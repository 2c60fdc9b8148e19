"""Sets of parameter values: ParameterValueDistribution files, which name a scenario and its varied parameters."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from drivesim.errors import InputError
from drivesim.scenario.interchange.openscenario.reading.attributes import child, number, text
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.reading.xml_tree import XmlTree

MAX_CASES = 1000

Values = dict[str, str]


def is_distribution(tree: XmlTree) -> bool:
    """Returns whether a file holds values for the parameters of another file."""
    return tree.root.tag == "OpenSCENARIO" and tree.root.find("ParameterValueDistribution") is not None


def cases_of(tree: XmlTree) -> tuple[str, list[Values]]:
    """Returns the path of the scenario as written in the file, and the values of each case.

    The cases are all combinations of the varied parameters.

    Raises:
        InputError: A distribution is stochastic or unknown, or there are more than `MAX_CASES` cases.
    """
    try:
        distribution = child(tree.root, "ParameterValueDistribution")
        scenario = text(child(distribution, "ScenarioFile"), "filepath")
        if (stochastic := distribution.find("Stochastic")) is not None:
            _, line = tree.place_of(stochastic)
            advice = "import the scenario itself, and give it a `sweep`"
            raise InputError(f"{tree.file}:{line}:1: stochastic distributions are not read; {advice}")
        varied = [list(_values(part)) for part in child(distribution, "Deterministic")]
    except UnmappableError as error:
        raise InputError(f"{tree.file}: {error}") from error
    count = math.prod(len(values) for values in varied)
    if not 0 < count <= MAX_CASES:
        raise InputError(f"{tree.file}: expected 1 to {MAX_CASES} combinations of parameters, got {count}")
    return scenario, [
        {name: value for values in combination for name, value in values.items()}
        for combination in itertools.product(*varied)
    ]


def _values(part: ET.Element) -> Iterator[Values]:
    if part.tag == "DeterministicMultiParameterDistribution":
        for values in part.iterfind("ValueSetDistribution/ParameterValueSet"):
            assignments = values.findall("ParameterAssignment")
            yield {text(entry, "parameterRef").lstrip("$"): text(entry, "value") for entry in assignments}
        return
    name = text(part, "parameterName")
    for value in part.iterfind("DistributionSet/Element"):
        yield {name: text(value, "value")}
    for spread in part.iterfind("DistributionRange"):
        limits, step = child(spread, "Range"), number(spread, "stepWidth")
        low, high = number(limits, "lowerLimit"), number(limits, "upperLimit")
        if step <= 0 or high < low or (high - low) / step > MAX_CASES:
            raise UnmappableError(f"a DistributionRange must have 1 to {MAX_CASES} steps")
        for index in range(math.floor((high - low) / step + 1e-9) + 1):
            yield {name: f"{low + index * step:.12g}"}
    if part.find("UserDefinedDistribution") is not None:
        raise UnmappableError("a UserDefinedDistribution is not supported")
