"""OpenSCENARIO files, written here in parts, and the scenarios that come of them."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.errors import InputError
from drivesim.scenario import Scenario, parse_scenario, scenario_yaml
from drivesim.scenario.interchange.openscenario import Imported, import_openscenario
from drivesim.scenario.interchange.openscenario.roads.road_map import LANE_WIDTH_M
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


def happened(result: Imported) -> list[str]:
    """The timeline, without the reasons."""
    return [text.partition(" (event")[0] for _, _, text in result.timeline]


def reasons(result: Imported) -> list[str]:
    """Notes, without that the file of the road is not found."""
    return [str(note) for note in result.notes if note.what != "road"]


def test_a_cut_in_is_an_actor_that_cuts_in() -> None:
    change = event("cut", lane_change('<RelativeTargetLane entityRef="Ego" value="0"/>', 2.5), when(time_after(1), 0.5))
    result = two(lane(75, -1), change)
    scenario = result.scenario
    assert (scenario.name, result.description) == ("cut-in", "A test")
    assert scenario.road == Road(lanes=2, oncoming_lanes=0, ego_lane=0)
    [other] = scenario.actors
    assert (other.id, other.category) == ("Other", "car")
    assert other.size_m == (4.6, 1.8, 1.5)
    # From rear axle to rear axle 25 m; the near end lies behind its axle, the camera ahead of the ego's.
    near = 25 + 1.5 - 2.3 - (1.5 + 2.3 - 1.8)
    assert other.trajectory[0] == pytest.approx((0, near, 3.5))
    # A sinusoidal lane change is half done after half of its time.
    place = scenario.scene.trajectories[0].at(np.array([1.5, 2.75, 4.0])).position_m
    np.testing.assert_allclose(place[:, 0], [-3.5, -1.75, 0], atol=0.02)
    np.testing.assert_allclose(place[:, 1], near + 2.3 + 12 * np.array([1.5, 2.75, 4.0]), atol=0.02)
    assert happened(result) == ["at 1.50 s Other changes to lane 0: goes -3.5 m to the left of its road within 2.5 s"]
    assert scenario.ego.speed_mps == 10
    assert reasons(result) == []
    assert str(result.notes[0]).startswith("changed road: its file, road.xodr, is not found")


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
    assert other.lane == 1


def test_an_ego_against_the_direction_of_its_road_sees_the_same() -> None:
    with_road, against = two(lane(75, -1)).scenario, two(lane(25, 1), ego=lane(50, 2)).scenario
    assert with_road.actors == against.actors
    assert with_road.road == against.road


DYNAMICS = {
    "time": (speed(4, "linear", "time", 3), "goes to 4 m/s within 3 s"),
    "rate": (speed(4, "linear", "rate", -2), "goes to 4 m/s within 4 s"),
    "distance": (speed(4, "linear", "distance", 32), "goes to 4 m/s within 4 s"),
    "standstill": (speed(0, "linear", "time", 5), "goes to 0 m/s within 5 s"),
    "faster than the ego": (
        speed(
            '<RelativeTargetSpeed entityRef="Ego" value="6" speedTargetValueType="delta" continuous="false"/>',
            "cubic",
            "time",
            4,
        ),
        "goes to 16 m/s within 4 s",
    ),
    "a factor": (
        speed(
            '<RelativeTargetSpeed entityRef="Ego" value="1.5" speedTargetValueType="factor" continuous="false"/>',
            "linear",
            "time",
            4,
        ),
        "goes to 15 m/s within 4 s",
    ),
}


@pytest.mark.parametrize("kind", DYNAMICS)
def test_speed_actions_reach_their_speed_in_their_time(kind: str) -> None:
    action, expected = DYNAMICS[kind]
    result = two(lane(90), event("e", action, when(time_after(1))))
    assert happened(result) == [f"at 1.00 s Other {expected}"]
    lasts, asked = float(expected.split()[-2]), float(expected.split()[2])
    speeds = result.scenario.scene.trajectories[0].at(np.array([0.9, 1 + lasts / 2, 1.1 + lasts])).speed_mps
    np.testing.assert_allclose(speeds, [12, (12 + asked) / 2, asked], atol=0.15)


def test_what_no_tyre_can_do_takes_longer_and_is_a_manoeuvre_with_a_note() -> None:
    result = two(lane(90), event("e", speed(2), when(time_after(1))))
    [made] = result.scenario.actors[0].manoeuvres
    assert (made.type, made.start_s, made.duration_s) == ("brake", 1.0, pytest.approx(10 * 15 / 8 / 7.5))
    assert any("changed speed of Other" in reason for reason in reasons(result))


def test_a_step_at_the_start_is_the_initial_speed() -> None:
    [other] = two(lane(90), event("e", speed(7), when(time_after(0)))).scenario.actors
    assert other.speed_mps == 7
    assert [made.type for made in other.manoeuvres] == ["keep_lane"]


FREE = 'freespace="false" relativeDistanceType="longitudinal" coordinateSystem="road"'
STARTS = {
    "after an event": (state_of("event", "first", "endTransition"), 3.0),
    "after a whole manoeuvre": (state_of("maneuver", "Ego_manoeuvre", "completeState"), 3.0),
    "with the act": (state_of("act", "act", "startTransition"), 0.02),
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
    told = {
        text.split(" s ")[1].split()[0]: float(text.split()[1])
        for *_, text in imported(entities, init, second + first).timeline
    }
    assert told == {"Ego": 1.0, "Other": pytest.approx(start, abs=0.021)}


def test_time_to_collision_counts_from_bumper_to_bumper() -> None:
    target = "<TimeToCollisionConditionTarget><EntityRef entityRef='Other'/></TimeToCollisionConditionTarget>"
    free = FREE.replace("false", "true")
    condition = f'<TimeToCollisionCondition value="4" rule="lessThan" {free}>{target}</TimeToCollisionCondition>'
    brake = event(
        "e", lane_change('<RelativeTargetLane entityRef="Ego" value="1"/>', 3), when(of_entity("Ego", condition))
    )
    [told] = happened(two(lane(100), brake, speed_mps=4))
    assert float(told.split()[1]) == pytest.approx((50 - 4.6) / 6 - 4, abs=0.021)


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
    "another road": (two(lane(80, road=2)), "dropped entity Other: on a different road than the ego"),
    "of the world beside lanes": (
        two('<WorldPosition x="1" y="2"/>'),
        "dropped entity Other: a WorldPosition needs an ego",
    ),
    "a circle": (
        two('<RelativeLanePosition entityRef="Other" dLane="0" ds="9"/>'),
        "dropped entity Other: positions refer to one another in a circle",
    ),
    "on the ego": (two(lane(51)), "dropped entity Other: E102 Other is where the ego is"),
    "a controller": (
        two(lane(80), event("e", CONTROLLER, when(time_after(1)))),
        "dropped ControllerAction: vehicles follow their actions only",
    ),
    "a swerve": (
        two(lane(80), event("e", lane_change('<AbsoluteTargetLane value="-1"/>', 0.3), when(time_after(1)))),
        "changed lane change of Other: takes 1.5 s, not 0.3 s, as tyres allow",
    ),
    "never": (
        two(lane(80), event("e", speed(4), when(time_after(700)))),
        "dropped event e: what it waits for does not come about",
    ),
}


@pytest.mark.parametrize("kind", DROPPED)
def test_what_does_not_map_is_dropped_with_a_reason(kind: str) -> None:
    result, expected = DROPPED[kind]
    assert any(reason.startswith(expected) for reason in reasons(result)), reasons(result)
    assert isinstance(result.scenario, Scenario)
    assert all(note.line > 1 for note in result.notes)


UNKNOWN = {
    "a trajectory": (TRAJECTORY, time_after(1), "action e_action of e: a FollowTrajectoryAction without a Trajectory"),
    "a reference": (speed(4), state_of("event", "other", "endTransition"), "there is no event 'other' in the file"),
    "the clock": (
        speed(4),
        f"<ByValueCondition>{CLOCK}</ByValueCondition>",
        "TimeOfDayCondition is not supported; the clock",
    ),
    "dynamics": (speed(4, "wavy"), time_after(1), "SpeedActionDynamics: expected `dynamicsShape` to be linear, cubic"),
    "a parameter": (
        speed("$nowhere"),
        time_after(1),
        "AbsoluteTargetSpeed: expected a number for `value`, got $nowhere",
    ),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_is_unknown_and_matters_is_refused_by_name_unless_lenient(kind: str) -> None:
    action, condition, message = UNKNOWN[kind]
    init = private("Ego", at(lane(50)), speed(10)) + private("Other", at(lane(80)), speed(12))
    content = document(vehicle("Ego") + vehicle("Other"), init, group("Other", event("e", action, when(condition))))
    with pytest.raises(InputError) as caught:
        import_openscenario(content, "a.xosc")
    first, *_, last = str(caught.value).splitlines()
    assert first.startswith("a.xosc:8: unknown ")
    assert message in first
    assert "0x" not in first
    assert last == "a.xosc: the meaning of the file depends on this; --lenient leaves it out"
    result = import_openscenario(content, "a.xosc", lenient=True)
    assert any(note.kind == "unknown" for note in result.notes)
    assert [made.type for made in result.scenario.actors[0].manoeuvres] == ["keep_lane"]


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


NAMES = {
    "car_white": "car",
    "semi_tractor": "truck",
    "truck_with_trailer": "truck",
    "city_bus": "bus",
    "van_red": "van",
    "trailer_2axle": None,
    "semi_trailer_long": None,
    "scooter1": None,
    "moped": None,
    "cargo_bike": None,
    "motorbike": None,
    "cyclist": None,
    "tram": None,
    "sports_car_1999": "car",
    "motorhome": "car",
}


@pytest.mark.parametrize("entry", NAMES)
def test_the_name_of_an_entry_says_what_it_is_where_its_catalogue_is_missing(entry: str) -> None:
    reference = f'<CatalogReference catalogName="VehicleCatalog" entryName="{entry}"/>'
    entities = f'<ScenarioObject name="Thing">{reference}</ScenarioObject>{vehicle("Main")}'
    init = private("Thing", at(lane(90)), speed(10)) + private("Main", at(lane(50)), speed(10))
    if NAMES[entry] is None:  # what is left out is never the ego
        result = imported(entities, init)
        assert result.scenario.actors == ()
        assert any(reason.startswith("dropped entity Thing: from a catalogue") for reason in reasons(result))
        return
    result = import_openscenario(document(entities, init), "a.xosc", ego="Main")
    assert [actor.category for actor in result.scenario.actors] == [NAMES[entry]]


def test_what_is_left_out_still_takes_part_in_conditions() -> None:
    walker = '<ScenarioObject name="Walker"><Pedestrian name="p"/></ScenarioObject>'
    near = '<RelativeDistanceCondition entityRef="Ego" value="20" rule="lessThan" relativeDistanceType="longitudinal"/>'
    init = private("Ego", at(lane(50)), speed(10)) + private("Walker", at(lane(100)), speed(0))
    brakes = group("Ego", event("e", speed(5, "linear", "time", 3), when(of_entity("Walker", near))))
    result = imported(vehicle("Ego") + walker, init, brakes)
    assert happened(result) == ["at 3.00 s Ego goes to 5 m/s within 3 s"]


def test_an_ego_turned_against_its_lane_sees_what_is_before_it() -> None:
    turned = '<Orientation type="relative" h="3.14159265"/>'
    init = private("Ego", at(lane(50, 1, 0, turned)), speed(10))
    init += private("A", at(lane(90, 1, 0, turned)), speed(10)) + private("B", at(lane(95, -1, 0, turned)), speed(10))
    same, right = imported(vehicle("Ego") + vehicle("A") + vehicle("B"), init).scenario.actors
    assert (same.lane, same.heading_deg, right.lane, right.heading_deg) == (0, None, -1, 180)
    near = 40 + 1.5 - 2.3 - (1.5 + 2.3 - 1.8)
    assert same.distance_m == pytest.approx(near)
    assert right.distance_m == pytest.approx(near + 5 - 2 * 1.5)


def test_an_action_that_backs_is_a_trajectory_with_headings() -> None:
    result = two(lane(90), event("e", speed(-3, "linear", "time", 3), when(time_after(1))), speed_mps=0.5)
    [other] = result.scenario.actors
    assert all(len(row) == 4 and row[3] == 0 for row in other.trajectory)
    backing = result.scenario.scene.trajectories[0].at(np.array([3.9, 4.0]))
    assert backing.position_m[1, 1] < backing.position_m[0, 1]
    np.testing.assert_allclose(backing.heading_rad, 0, atol=1e-9)


def test_a_long_chain_of_positions_is_followed_only_so_far() -> None:
    names = [*(f"A{number}" for number in range(60)), "Ego"]
    behind = [f'<RelativeRoadPosition entityRef="{name}" ds="8" dt="0"/>' for name in names[1:]]
    init = "".join(private(name, at(place), speed(10)) for name, place in zip(names, behind, strict=False))
    result = imported("".join(map(vehicle, names)), init + private("Ego", at(lane(50)), speed(10)))
    assert "dropped entity A0: its position is relative to another" in "\n".join(reasons(result))
    # Those near the end of the chain are followed, and then all that count from them.
    assert [actor.id for actor in result.scenario.actors] == names[28:60]


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
