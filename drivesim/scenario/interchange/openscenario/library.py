"""The one place that imports the package that knows OpenSCENARIO XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from drivesim.errors import MissingExtraError

try:
    from scenariogeneration import xosc
except ImportError as error:
    raise MissingExtraError(
        "reading OpenSCENARIO needs scenariogeneration, which is not installed: pip install 'drivesim[openscenario]', "
        "or `pip install scenariogeneration` where that has no wheels for this machine"
    ) from error

__all__ = ["fill_in_defaults", "xosc"]

# Attributes that the standard leaves optional and the package asks for.
_DEFAULTS = {
    "LanePosition": {"offset": "0"},
    "RelativeLanePosition": {"offset": "0"},
    "RelativeTargetSpeed": {"continuous": "false"},
    "Condition": {"delay": "0", "conditionEdge": "none"},
}


def fill_in_defaults(root: ET.Element) -> None:
    """Writes out what a file may leave to the defaults of the standard."""
    for element in root.iter():
        for key, value in _DEFAULTS.get(element.tag, {}).items():
            element.attrib.setdefault(key, value)
