"""OpenSCENARIO XML files as scenarios: what maps, and a list of what does not."""

from drivesim.scenario.interchange.openscenario.importing import Imported, import_openscenario

__all__ = ["Imported", "import_openscenario"]
