"""Scenarios: the file format, its checks, sweeps, previews, and the layouts that models are conditioned on."""

from drivesim.scenario.load import (
    CheckedScenario,
    check_scenario,
    load_case,
    load_cases,
    load_scenario,
    parse_scenario,
)
from drivesim.scenario.save import scenario_yaml
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.picture import read_picture
from drivesim.scenario.schema.scenario import Box, Sampling, Scenario
from drivesim.scenario.sweeps.expansion import Cases

__all__ = [
    "Box",
    "Cases",
    "CheckedScenario",
    "Sampling",
    "Scenario",
    "SceneLayout",
    "check_scenario",
    "load_case",
    "load_cases",
    "load_scenario",
    "parse_scenario",
    "read_picture",
    "scenario_yaml",
]
