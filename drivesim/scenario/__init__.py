"""Scenarios: the file format, its checks, and the layout that the models are told."""

from drivesim.scenario.layout import SceneLayout
from drivesim.scenario.load import (
    CheckedScenario,
    check_scenario,
    count_cases,
    load_case,
    load_cases,
    load_scenario,
    parse_scenario,
)
from drivesim.scenario.picture import read_picture
from drivesim.scenario.schema import Box, Sampling, Scenario

__all__ = [
    "Box",
    "CheckedScenario",
    "Sampling",
    "Scenario",
    "SceneLayout",
    "check_scenario",
    "count_cases",
    "load_case",
    "load_cases",
    "load_scenario",
    "parse_scenario",
    "read_picture",
]
