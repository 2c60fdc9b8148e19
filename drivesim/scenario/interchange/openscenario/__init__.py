"""Imports OpenSCENARIO XML files as scenarios: executes their storyboards and lists what is left out."""

from drivesim.scenario.interchange.openscenario.importing import Imported, import_openscenario

__all__ = ["Imported", "import_openscenario"]
