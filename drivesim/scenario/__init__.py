"""Scenarios: the file format, its checks, sweeps, previews, and the layouts that models are conditioned on."""

from drivesim.scenario.load import (
    CheckedCases,
    CheckedScenario,
    check_cases,
    check_scenario,
    load_case,
    load_cases,
    load_scenario,
    parse_scenario,
)
from drivesim.scenario.save import fields_yaml, scenario_yaml
from drivesim.scenario.schema.box import MAX_BOXES, Box
from drivesim.scenario.schema.layout import SceneLayout
from drivesim.scenario.schema.picture import read_picture
from drivesim.scenario.schema.scenario import Sampling, Scenario
from drivesim.scenario.schema.vocabulary import CATEGORIES, FRAME_HEIGHT_PX, FRAME_WIDTH_PX, TIMES_OF_DAY
from drivesim.scenario.submitted import check_submitted
from drivesim.scenario.sweeps.expansion import Cases

__all__ = [
    "CATEGORIES",
    "FRAME_HEIGHT_PX",
    "FRAME_WIDTH_PX",
    "MAX_BOXES",
    "TIMES_OF_DAY",
    "Box",
    "Cases",
    "CheckedCases",
    "CheckedScenario",
    "Sampling",
    "Scenario",
    "SceneLayout",
    "check_cases",
    "check_scenario",
    "check_submitted",
    "fields_yaml",
    "load_case",
    "load_cases",
    "load_scenario",
    "parse_scenario",
    "read_picture",
    "scenario_yaml",
]
