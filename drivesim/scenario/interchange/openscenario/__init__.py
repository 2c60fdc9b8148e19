"""OpenSCENARIO XML files as scenarios: their storyboards are executed, and what is left out is listed."""

from drivesim.scenario.interchange.openscenario.importing import Imported, import_openscenario

__all__ = ["Imported", "import_openscenario"]
