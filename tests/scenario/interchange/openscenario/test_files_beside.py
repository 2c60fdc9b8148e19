"""Files that a scenario names: roads of OpenDRIVE, catalogues, and sets of parameter values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario.interchange.importing import import_file

LANE = '<lane id="{}" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>'
# 100 m straight on along x, then an arc to the left of 100 m radius.
ROAD = f"""<OpenDRIVE><road id="7" length="300" junction="-1"><planView>
<geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry>
<geometry s="100" x="100" y="0" hdg="0" length="200"><arc curvature="0.01"/></geometry></planView>
<lanes><laneSection s="0"><left>{LANE.format(2)}{LANE.format(1)}</left>
<center><lane id="0" type="none"/></center><right>{LANE.format(-1)}{LANE.format(-2)}</right></laneSection></lanes>
</road></OpenDRIVE>"""
BOX = '<BoundingBox><Center x="1.5" y="0" z="0.7"/><Dimensions length="4.5" width="1.8" height="1.4"/></BoundingBox>'
SCENARIO = """<OpenSCENARIO><FileHeader description="A curve"/>
<ParameterDeclarations><ParameterDeclaration name="gap" parameterType="double" value="30"/></ParameterDeclarations>
<CatalogLocations><VehicleCatalog><Directory path="cats"/></VehicleCatalog></CatalogLocations>
<RoadNetwork><LogicFile filepath="{road}"/></RoadNetwork>
<Entities><ScenarioObject name="Ego"><CatalogReference catalogName="Ours" entryName="one"/></ScenarioObject>
<ScenarioObject name="A"><CatalogReference catalogName="Ours" entryName="one"><ParameterAssignments>
<ParameterAssignment parameterRef="long" value="12"/></ParameterAssignments></CatalogReference></ScenarioObject>
</Entities>
<Storyboard><Init><Actions>{init}</Actions></Init><StopTrigger><ConditionGroup><Condition name="end" delay="0"
 conditionEdge="none"><ByValueCondition><SimulationTimeCondition value="8" rule="greaterThan"/></ByValueCondition>
</Condition></ConditionGroup></StopTrigger></Storyboard></OpenSCENARIO>"""
CATALOGUE = f"""<OpenSCENARIO><FileHeader/><Catalog name="Ours"><Vehicle name="one" vehicleCategory="bus">
<ParameterDeclarations><ParameterDeclaration name="long" parameterType="double" value="4.5"/></ParameterDeclarations>
{BOX.replace('length="4.5"', 'length="$long"')}</Vehicle></Catalog></OpenSCENARIO>"""


def put(name: str, position: str, speed: float) -> str:
    target = f'<AbsoluteTargetSpeed value="{speed}"/>'
    dynamics = '<SpeedActionDynamics dynamicsShape="step" dynamicsDimension="time" value="0"/>'
    action = f"<SpeedAction>{dynamics}<SpeedActionTarget>{target}</SpeedActionTarget></SpeedAction>"
    return (
        f'<Private entityRef="{name}"><PrivateAction><TeleportAction><Position>{position}</Position></TeleportAction>'
        f"</PrivateAction><PrivateAction><LongitudinalAction>{action}</LongitudinalAction></PrivateAction></Private>"
    )


def lane(s: str, number: int) -> str:
    return f'<LanePosition roadId="7" laneId="{number}" s="{s}"/>'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "road.xodr").write_text(ROAD)
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "ours.xosc").write_text(CATALOGUE)
    path = tmp_path / "curve.xosc"
    init = put("Ego", lane("60", -1), 10) + put("A", lane("${60 + $gap}", -1), 10)
    path.write_text(SCENARIO.format(road="road.xodr", init=init))
    return path


def on_road(s: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Places `n 2` and headings `n` by hand."""
    turned = np.clip((s - 100) / 100, 0, None)
    straight = np.minimum(s, 100)
    middle = np.stack([straight + 100 * np.sin(turned), 100 - 100 * np.cos(turned)], -1)
    return middle + t * np.stack([-np.sin(turned), np.cos(turned)], -1), turned


def test_vehicles_follow_the_road_of_the_file(file: Path) -> None:
    [made] = import_file(file)
    scene, times = made.scenario.scene, np.linspace(0, 8, 33)
    assert made.scenario.road.curve is not None
    assert made.scenario.road.curve.radius_m == pytest.approx(101.75, abs=3)
    # Outside of the line the way is longer: 1.75 m to the right, at 10 m/s.
    for trajectory, start, ahead in ((scene.ego, 60, 1.5 + 2.25 - 1.8), (scene.trajectories[0], 90, 1.5)):
        way = start + 10 * times
        stations = np.where(way < 100, way, 100 + (way - 100) * 100 / 101.75)
        places, headings = on_road(stations, -1.75)
        points = places + ahead * np.stack([np.cos(headings), np.sin(headings)], -1)
        seen = points - (60 + 1.95, -1.75)
        np.testing.assert_allclose(trajectory.at(times).position_m, np.stack([-seen[:, 1], seen[:, 0]], -1), atol=0.06)


def test_a_catalogue_gives_category_and_size_and_takes_parameters(file: Path) -> None:
    [made] = import_file(file)
    [actor] = made.scenario.actors
    assert (actor.category, actor.size_m) == ("bus", (12.0, 1.8, 1.4))
    assert not [note for note in made.notes if "catalogue" in note]


def test_positions_of_the_world_are_places_on_the_road(file: Path) -> None:
    [by_lane] = import_file(file)
    init = put("Ego", '<WorldPosition x="60" y="-1.75" h="0"/>', 10) + put("A", lane("90", -1), 10)
    file.write_text(SCENARIO.format(road="road.xodr", init=init))
    [by_world] = import_file(file)
    assert by_world.scenario.canonical() == by_lane.scenario.canonical()


def test_a_missing_road_is_noted_and_taken_to_be_straight(file: Path) -> None:
    file.write_text(file.read_text().replace("road.xodr", "gone.xodr"))
    [made] = import_file(file)
    assert made.scenario.road.curve is None
    assert any("gone.xodr, is not found: assumed to be straight" in note for note in made.notes)


DISTRIBUTION = """<OpenSCENARIO><FileHeader/><ParameterValueDistribution><ScenarioFile filepath="curve.xosc"/>
<Deterministic><DeterministicSingleParameterDistribution parameterName="gap">
<DistributionRange stepWidth="5"><Range lowerLimit="25" upperLimit="35"/></DistributionRange>
</DeterministicSingleParameterDistribution></Deterministic></ParameterValueDistribution></OpenSCENARIO>"""


def test_a_set_of_parameter_values_is_a_scenario_for_each(file: Path) -> None:
    values = file.with_name("sets.xosc")
    values.write_text(DISTRIBUTION)
    made = list(import_file(values))
    assert [case.scenario.name for case in made] == ["sets_0000", "sets_0001", "sets_0002"]
    nearest = [case.scenario.actors[0].trajectory[0][1] for case in made]
    assert np.diff(nearest) == pytest.approx([5, 5], abs=0.01)
    assert made[1].scenario.canonical() == next(iter(import_file(file))).scenario.canonical()


def test_a_stochastic_distribution_is_refused_with_a_way_out(file: Path) -> None:
    values = file.with_name("sets.xosc")
    values.write_text(DISTRIBUTION.replace("Deterministic>", "Stochastic>"))
    with pytest.raises(InputError, match=r"stochastic distributions are not read; .* give it a `sweep`"):
        list(import_file(values))
