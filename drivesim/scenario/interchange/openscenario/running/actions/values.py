"""Actions that set or change the values of parameters and variables."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

from drivesim.scenario.interchange.openscenario.reading.attributes import number, only_child, text
from drivesim.scenario.interchange.openscenario.reading.notes import UnmappableError
from drivesim.scenario.interchange.openscenario.running.world import World


def value_action(kind: ET.Element, world: World) -> Callable[[], str]:
    """Returns the effect of a ParameterAction or VariableAction."""
    variable = kind.tag == "VariableAction"
    values = world.variables if variable else world.parameters
    name = text(kind, "variableRef" if variable else "parameterRef").lstrip("$")
    if name not in values:
        raise UnmappableError(f"there is no {name!r} in the file")
    what = only_child(kind)
    if what.tag in ("SetAction", "VariableSetAction", "ParameterSetAction"):
        value = text(what, "value")

        def put() -> str:
            values[name] = value
            return f"{name} is {value}"

        return put
    rule = next((part for part in what.iter() if part.tag in ("AddValue", "MultiplyByValue")), None)
    if rule is None:
        raise UnmappableError(f"a {what.tag} without a rule")
    operand, adds = number(rule, "value"), rule.tag == "AddValue"

    def modify() -> str:
        try:
            before = float(values[name])
        except ValueError:
            raise UnmappableError(f"{name} is not a number") from None
        values[name] = f"{before + operand if adds else before * operand:.12g}"
        return f"{name} is {values[name]}"

    return modify
