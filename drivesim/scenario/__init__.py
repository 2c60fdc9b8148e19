"""Scenarios: the file format, its checks, and the layout that the models are told."""

from drivesim.scenario.expansion import Cases
from drivesim.scenario.layout import SceneLayout
from drivesim.scenario.load import (
    CheckedScenario,
    check_scenario,
    load_case,
    load_cases,
    load_scenario,
    parse_scenario,
)
from drivesim.scenario.picture import read_picture
from drivesim.scenario.scenario_yaml import scenario_yaml
from drivesim.scenario.schema import Box, Sampling, Scenario

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
