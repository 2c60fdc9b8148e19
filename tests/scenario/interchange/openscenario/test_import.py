"""OpenSCENARIO files, written here in parts, and the scenarios that come of them."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario import Scenario, parse_scenario, scenario_yaml
from drivesim.scenario.interchange.openscenario import Imported, import_openscenario
from drivesim.scenario.interchange.openscenario.places import LANE_WIDTH_M
from drivesim.scenario.load import check_content
from drivesim.scenario.schema.road import Road

BOX = '<BoundingBox><Center x="1.5" y="0" z="0.75"/><Dimensions width="1.8" length="4.6" height="1.5"/></BoundingBox>'


def vehicle(name: str, category: str = "car", box: str = BOX) -> str:
    return (
        f'<ScenarioObject name="{name}"><Vehicle name="v" vehicleCategory="{category}">{box}</Vehicle></ScenarioObject>'
    )


def lane(s: float, lane_id: int = -2, offset: float = 0, inside: str = "", road: int = 1) -> str:
    return f'<LanePosition roadId="{road}" laneId="{lane_id}" s="{s}" offset="{offset}">{inside}</LanePosition>'


def speed(value: float | str, shape: str = "step", dimension: str = "time", lasts: float = 0) -> str:
    dynamics = f'<SpeedActionDynamics dynamicsShape="{shape}" dynamicsDimension="{dimension}" value="{lasts}"/>'
    target = value if str(value).startswith("<") else f'<AbsoluteTargetSpeed value="{value}"/>'
    action = f"<SpeedAction>{dynamics}<SpeedActionTarget>{target}</SpeedActionTarget></SpeedAction>"
    return f"<LongitudinalAction>{action}</LongitudinalAction>"


def lane_change(target: str, lasts: float = 3, dimension: str = "time", shape: str = "sinusoidal") -> str:
    dynamics = f'<LaneChangeActionDynamics dynamicsShape="{shape}" dynamicsDimension="{dimension}" value="{lasts}"/>'
    action = f"<LaneChangeAction>{dynamics}<LaneChangeTarget>{target}</LaneChangeTarget></LaneChangeAction>"
    return f"<LateralAction>{action}</LateralAction>"


def private(name: str, *actions: str) -> str:
    inside = "".join(f"<PrivateAction>{action}</PrivateAction>" for action in actions)
    return f'<Private entityRef="{name}">{inside}</Private>'


def at(position: str) -> str:
    return f"<TeleportAction><Position>{position}</Position></TeleportAction>"


def when(condition: str, delay: float = 0) -> str:
    inside = f'<Condition name="c" delay="{delay}" conditionEdge="none">{condition}</Condition>'
    return f"<StartTrigger><ConditionGroup>{inside}</ConditionGroup></StartTrigger>"


def time_after(seconds: float) -> str:
    return f'<ByValueCondition><SimulationTimeCondition value="{seconds}" rule="greaterThan"/></ByValueCondition>'


def state_of(kind: str, name: str, state: str) -> str:
    content = f'storyboardElementType="{kind}" storyboardElementRef="{name}" state="{state}"'
    return f"<ByValueCondition><StoryboardElementStateCondition {content}/></ByValueCondition>"


def of_entity(name: str, condition: str) -> str:
    entities = f'<TriggeringEntities triggeringEntitiesRule="any"><EntityRef entityRef="{name}"/></TriggeringEntities>'
    return f"<ByEntityCondition>{entities}<EntityCondition>{condition}</EntityCondition></ByEntityCondition>"


def event(name: str, action: str, trigger: str) -> str:
    action = f'<Action name="{name}_action"><PrivateAction>{action}</PrivateAction></Action>'
    return f'<Event name="{name}" priority="parallel">{action}{trigger}</Event>'


def group(actor: str, *events: str) -> str:
    who = f'<Actors selectTriggeringEntities="false"><EntityRef entityRef="{actor}"/></Actors>'
    manoeuvre = f'<Maneuver name="{actor}_manoeuvre">{"".join(events)}</Maneuver>'
    return f'<ManeuverGroup name="{actor}_group" maximumExecutionCount="1">{who}{manoeuvre}</ManeuverGroup>'


def document(entities: str, init: str, groups: str = "", stop: str = "", declared: str = "") -> bytes:
    act = f'<Story name="s"><Act name="act">{groups}{when(time_after(0))}</Act></Story>' if groups else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<OpenSCENARIO>
<FileHeader revMajor="1" revMinor="1" date="2026-01-01T00:00:00" description="A test" author="us"/>
<ParameterDeclarations>{declared}</ParameterDeclarations>
<CatalogLocations/>
<RoadNetwork><LogicFile filepath="road.xodr"/></RoadNetwork>
<Entities>{entities}</Entities>
<Storyboard><Init><Actions>{init}</Actions></Init>{act}
<StopTrigger>{stop}</StopTrigger></Storyboard>
</OpenSCENARIO>""".encode()


def imported(*arguments: str, **keywords: str) -> Imported:
    """What comes of a document, whose scenario has to be valid as a file too."""
    result = import_openscenario(document(*arguments, **keywords), "cut-in.xosc")
    checked = check_content(scenario_yaml(result.scenario, "test").encode())
    assert checked.scenario == result.scenario
    return result


def two(position: str, *events: str, speed_mps: float = 12, ego: str = "") -> Imported:
    """The ego at s = 50 in lane -2 with 10 m/s, and a car elsewhere."""
    init = private("Ego", at(ego or lane(50)), speed(10)) + private("Other", at(position), speed(speed_mps))
    return imported(vehicle("Ego") + vehicle("Other"), init, group("Other", *events) if events else "")


def reasons(result: Imported) -> list[str]:
    """Notes, without that the file of the road is not read."""
    return [str(note) for note in result.notes if note.what != "road"]


def test_a_cut_in_is_an_actor_that_cuts_in() -> None:
    change = event("cut", lane_change('<RelativeTargetLane entityRef="Ego" value="0"/>', 2.5), when(time_after(1), 0.5))
    result = two(lane(75, -1), change)
    scenario = result.scenario
    assert (scenario.name, result.description) == ("cut-in", "A test")
    assert scenario.road == Road(lanes=2, oncoming_lanes=0, ego_lane=0)
    [other] = scenario.actors
    assert (other.id, other.category, other.lane, other.speed_mps) == ("Other", "car", 1, 12)
    assert other.size_m == (4.6, 1.8, 1.5)
    # From rear axle to rear axle 25 m; the near end lies behind its axle, the camera ahead of the ego's.
    assert other.distance_m == pytest.approx(25 + 1.5 - 2.3 - (1.5 + 2.3 - 1.8))
    [cut] = other.manoeuvres
    assert (cut.type, cut.start_s, cut.duration_s) == ("cut_in", 1.5, 2.5)
    assert scenario.ego.speed_mps == 10
    assert reasons(result) == []
    assert str(result.notes[0]).startswith("changed road: its file, road.xodr, is not read")


POSITIONS = {
    "lane": (lane(80, -3), (30, -LANE_WIDTH_M, 0)),
    "lane that comes towards us": (lane(80, 1), (30, 2 * LANE_WIDTH_M, 180)),
    "turned round in such a lane": (lane(80, 1, 0, '<Orientation type="relative" h="3.14159265"/>'), (30, 7.0, 0)),
    "offset in its lane": (lane(80, -2, 0.4), (30, 0.4, 0)),
    "relative lane": ('<RelativeLanePosition entityRef="Ego" dLane="1" ds="20" offset="0"/>', (20, 3.5, 0)),
    "relative road": ('<RelativeRoadPosition entityRef="Ego" ds="20" dt="-2"/>', (20, -2, 0)),
    "relative to the vehicle": ('<RelativeObjectPosition entityRef="Ego" dx="30" dy="4"/>', (30, 4, 0)),
}


@pytest.mark.parametrize("kind", POSITIONS)
def test_positions_are_seen_from_the_ego(kind: str) -> None:
    position, (ahead, left, degrees) = POSITIONS[kind]
    [other] = two(position).scenario.actors
    scene = two(position).scenario.scene
    axle = scene.trajectories[0].start_m[1] - 1.5 * np.cos(np.deg2rad(degrees)) + (1.5 + 2.3 - 1.8)
    assert axle == pytest.approx(ahead, abs=0.02)
    assert other.start_lateral_m(two(position).scenario.road) == pytest.approx(left)
    assert np.rad2deg(scene.trajectories[0].heading_rad) == pytest.approx(degrees, abs=0.1)


def test_world_positions_are_turned_into_the_axes_of_the_ego() -> None:
    ego = '<WorldPosition x="100" y="40" h="1.5707963"/>'
    [other] = two('<WorldPosition x="96.5" y="70" h="1.5707963"/>', ego=ego).scenario.actors
    assert other.distance_m == pytest.approx(30 + 1.5 - 2.3 - 2.0, abs=0.01)
    assert other.lateral_m == pytest.approx(3.5)


def test_an_ego_against_the_direction_of_its_road_sees_the_same() -> None:
    with_road, against = two(lane(75, -1)).scenario, two(lane(25, 1), ego=lane(50, 2)).scenario
    assert with_road.actors == against.actors
    assert with_road.road == against.road


DYNAMICS = {
    "time": (speed(4, "linear", "time", 3), ("brake", 3.0, 4.0)),
    "rate": (speed(4, "linear", "rate", -2), ("brake", 4.0, 4.0)),
    "distance": (speed(4, "linear", "distance", 32), ("brake", 4.0, 4.0)),
    "standstill": (speed(0, "linear", "time", 5), ("stop", 5.0, None)),
    "faster than the ego": (
        speed(
            '<RelativeTargetSpeed entityRef="Ego" value="6" speedTargetValueType="delta" continuous="false"/>',
            "cubic",
            "time",
            4,
        ),
        ("accelerate", 4.0, 16.0),
    ),
    "a factor": (
        speed(
            '<RelativeTargetSpeed entityRef="Ego" value="1.5" speedTargetValueType="factor" continuous="false"/>',
            "linear",
            "time",
            4,
        ),
        ("accelerate", 4.0, 15.0),
    ),
}


@pytest.mark.parametrize("kind", DYNAMICS)
def test_speed_actions_are_manoeuvres_of_the_same_length(kind: str) -> None:
    action, expected = DYNAMICS[kind]
    [made] = two(lane(90), event("e", action, when(time_after(1)))).scenario.actors[0].manoeuvres
    assert (made.type, made.duration_s, made.speed_mps) == expected


def test_what_no_tyre_can_do_takes_longer_and_is_noted() -> None:
    result = two(lane(90), event("e", speed(2), when(time_after(1))))
    [made] = result.scenario.actors[0].manoeuvres
    assert made.duration_s == pytest.approx(10 * 15 / 8 / 7.5)
    assert any("changed speed of Other" in reason for reason in reasons(result))


def test_a_step_at_the_start_is_the_initial_speed() -> None:
    [other] = two(lane(90), event("e", speed(7), when(time_after(0)))).scenario.actors
    assert other.speed_mps == 7
    assert [made.type for made in other.manoeuvres] == ["keep_lane"]


FREE = 'freespace="false" relativeDistanceType="longitudinal" coordinateSystem="road"'
STARTS = {
    "after an event": (state_of("event", "first", "endTransition"), 3.0),
    "after a whole manoeuvre": (state_of("maneuver", "Ego_manoeuvre", "completeState"), 3.0),
    "with the act": (state_of("act", "act", "startTransition"), 0.0),
    # 30 m ahead and 2 m/s faster: 40 m after 5 s.
    "distance": (
        of_entity("Other", f'<RelativeDistanceCondition entityRef="Ego" value="40" rule="greaterThan" {FREE}/>'),
        5.0,
    ),
    "headway": (
        of_entity("Ego", f'<TimeHeadwayCondition entityRef="Other" value="3.5" rule="greaterThan" {FREE}/>'),
        2.5,
    ),
    "travelled distance": (of_entity("Other", '<TraveledDistanceCondition value="36"/>'), 3.0),
}


@pytest.mark.parametrize("kind", STARTS)
def test_conditions_that_the_motions_decide_give_a_time(kind: str) -> None:
    condition, start = STARTS[kind]
    init = private("Ego", at(lane(50)), speed(10)) + private("Other", at(lane(80)), speed(12))
    first = group("Ego", event("first", lane_change('<AbsoluteTargetLane value="-1"/>', 2), when(time_after(1))))
    second = group("Other", event("second", speed(6, "linear", "time", 3), when(condition)))
    entities = vehicle("Ego") + vehicle("Other")
    scenario = imported(entities, init, second + first).scenario
    assert [(made.type, made.start_s) for made in scenario.ego.manoeuvres] == [("change_lane", 1.0)]
    assert scenario.actors[0].manoeuvres[0].start_s == pytest.approx(start, abs=0.11)


def test_time_to_collision_counts_from_bumper_to_bumper() -> None:
    target = "<TimeToCollisionConditionTarget><EntityRef entityRef='Other'/></TimeToCollisionConditionTarget>"
    free = FREE.replace("false", "true")
    condition = f'<TimeToCollisionCondition value="4" rule="lessThan" {free}>{target}</TimeToCollisionCondition>'
    brake = event(
        "e", lane_change('<RelativeTargetLane entityRef="Ego" value="1"/>', 3), when(of_entity("Ego", condition))
    )
    [made] = two(lane(100), brake, speed_mps=4).scenario.actors[0].manoeuvres
    assert made.start_s == pytest.approx((50 - 4.6) / 6 - 4, abs=0.06)


def test_parameters_and_formulas_are_filled_in() -> None:
    declared = '<ParameterDeclaration name="KmH" parameterType="double" value="54"/>'
    init = private("Ego", at(lane(50)), speed("${$KmH / 3.6}")) + private("Other", at(lane(80)), speed("$KmH"))
    scenario = imported(vehicle("Ego") + vehicle("Other"), init, declared=declared).scenario
    assert (scenario.ego.speed_mps, scenario.actors[0].speed_mps) == (15, 54)


@pytest.mark.parametrize(("clock", "expected"), [("12:00", "day"), ("23:30", "night"), ("06:00", "night")])
def test_the_clock_is_day_or_night(clock: str, expected: str) -> None:
    time = f'<TimeOfDay animation="false" dateTime="2026-06-01T{clock}:00"/>'
    weather = '<Weather cloudState="free"><Fog visualRange="100"/></Weather>'
    environment = f'<EnvironmentAction><Environment name="e">{time}{weather}</Environment></EnvironmentAction>'
    init = f"<GlobalAction>{environment}</GlobalAction>{private('Ego', at(lane(50)), speed(10))}"
    result = imported(vehicle("Ego"), init)
    assert result.scenario.time_of_day == expected
    assert reasons(result) == ["dropped Fog: of the environment, only day and night are known"]


def test_the_stop_trigger_ends_the_scenario() -> None:
    stop = when(time_after(7)).removeprefix("<StartTrigger>").removesuffix("</StartTrigger>")
    init = private("Ego", at(lane(50)), speed(10))
    assert imported(vehicle("Ego"), init, stop=stop).scenario.duration_s == 7
    assert imported(vehicle("Ego"), init).scenario.duration_s == 4


CONTROLLER = "<ControllerAction><ActivateControllerAction lateral='true'/></ControllerAction>"
TRAJECTORY = "<RoutingAction><FollowTrajectoryAction/></RoutingAction>"
CLOCK = '<TimeOfDayCondition rule="greaterThan" dateTime="2026-06-01T12:00:00"/>'
DROPPED = {
    "another road": (two(lane(80, road=2)), "dropped entity Other: on another road than the ego"),
    "of the world beside lanes": (two('<WorldPosition x="1" y="2"/>'), "dropped entity Other: a WorldPosition says"),
    "a circle": (
        two('<RelativeLanePosition entityRef="Other" dLane="0" ds="9"/>'),
        "dropped entity Other: positions refer to one another in a circle",
    ),
    "on the ego": (two(lane(51)), "dropped entity Other: E102 Other is where the ego is"),
    "far away": (two(lane(900)), "dropped entity Other: `distance_m`: expected at most 300, got"),
    "a controller": (
        two(lane(80), event("e", CONTROLLER, when(time_after(1)))),
        "dropped action e_action of Other: ActivateControllerAction is no manoeuvre of a scenario",
    ),
    "a trajectory": (
        two(lane(80), event("e", TRAJECTORY, when(time_after(1)))),
        "dropped action e_action of Other: FollowTrajectoryAction is no manoeuvre",
    ),
    "a swerve": (
        two(lane(80), event("e", lane_change('<AbsoluteTargetLane value="-1"/>', 0.3), when(time_after(1)))),
        "dropped cut_out of Other: E105 Other would slide sideways",
    ),
    "two at once": (
        two(
            lane(80),
            event("a", speed(4, "linear", "time", 4), when(time_after(1))),
            event("b", speed(9, "linear", "time", 4), when(time_after(2))),
        ),
        "dropped accelerate of Other: E106 `brake` and `accelerate` change the speed at the same time",
    ),
    "never": (
        two(lane(80), event("e", speed(4), when(state_of("event", "other", "endTransition")))),
        "dropped event e: what it waits for does not come about",
    ),
    "a condition on the weather": (
        two(
            lane(80),
            event(
                "e",
                speed(4),
                when(f"<ByValueCondition>{CLOCK}</ByValueCondition>"),
            ),
        ),
        "dropped event e: it depends on a TimeOfDayCondition",
    ),
    "unreadable dynamics": (
        two(lane(80), event("e", speed(4, "wavy"), when(time_after(1)))),
        "dropped action e_action of Other: cannot be read",
    ),
    "an unknown parameter": (
        two(lane(80), event("e", speed("$nowhere", "linear", "time", 2), when(time_after(1)))),
        "dropped action e_action of Other: expected a number, got $nowhere",
    ),
}


@pytest.mark.parametrize("kind", DROPPED)
def test_what_does_not_map_is_dropped_with_a_reason(kind: str) -> None:
    result, expected = DROPPED[kind]
    assert any(reason.startswith(expected) for reason in reasons(result)), reasons(result)
    assert isinstance(result.scenario, Scenario)
    assert all(note.line > 1 for note in result.notes)


def test_entities_that_are_no_vehicles_are_dropped_and_catalogues_guessed() -> None:
    catalogue = '<ScenarioObject name="{0}"><CatalogReference catalogName="{1}" entryName="{2}"/></ScenarioObject>'
    entities = "".join(
        [
            vehicle("Ego"),
            vehicle("Bike", "bicycle"),
            '<ScenarioObject name="Walker"><Pedestrian name="p"/></ScenarioObject>',
            catalogue.format("Lorry", "VehicleCatalog", "truck_yellow"),
            catalogue.format("Person", "PedestrianCatalog", "adult"),
        ]
    )
    init = private("Ego", at(lane(50)), speed(10)) + private("Lorry", at(lane(90)), speed(10))
    result = imported(entities, init)
    assert [(actor.id, actor.category) for actor in result.scenario.actors] == [("Lorry", "truck")]
    text = "\n".join(reasons(result))
    for words in ("dropped entity Bike", "dropped entity Walker", "dropped entity Person", "changed entity Lorry"):
        assert words in text


def test_a_long_chain_of_positions_is_followed_only_so_far() -> None:
    names = ["Ego", *(f"A{number}" for number in range(1200))]
    behind = [f'<RelativeRoadPosition entityRef="{name}" ds="8" dt="0"/>' for name in names]
    init = private("Ego", at(lane(50)), speed(10))
    init += "".join(private(name, at(place), speed(10)) for name, place in zip(names[1:], behind, strict=False))
    result = imported("".join(map(vehicle, names)), init)
    assert [actor.id for actor in result.scenario.actors] == names[1 : 1 + len(result.scenario.actors)]
    assert len(result.scenario.actors) == 33
    assert "dropped entity A1199: its position is relative to another" in "\n".join(reasons(result))


def test_the_ego_is_found_named_or_taken() -> None:
    init = private("A", at(lane(50)), speed(10)) + private("B", at(lane(90)), speed(9))
    plain = document(vehicle("A") + vehicle("B"), init)
    assert import_openscenario(plain, "a.xosc").scenario.ego.speed_mps == 10
    assert import_openscenario(plain, "a.xosc", ego="B").scenario.ego.speed_mps == 9
    said = vehicle("B").replace("<Vehicle", '<Vehicle role="ego_vehicle"')
    assert import_openscenario(document(vehicle("A") + said, init), "a.xosc").scenario.ego.speed_mps == 9
    with pytest.raises(InputError, match="no vehicle 'C'; there are A, B"):
        import_openscenario(plain, "a.xosc", ego="C")


def test_the_same_file_gives_the_same_scenario() -> None:
    content = document(vehicle("Ego") + vehicle("Other"), private("Ego", at(lane(5))) + private("Other", at(lane(40))))
    assert import_openscenario(content, "a.xosc") == import_openscenario(content, "a.xosc")
    text = scenario_yaml(import_openscenario(content, "a.xosc").scenario)
    assert parse_scenario(text.encode()).canonical() == import_openscenario(content, "a.xosc").scenario.canonical()
