"""OpenSCENARIO documents, written in parts, and what is imported from them."""

from __future__ import annotations

from drivesim.scenario import scenario_yaml
from drivesim.scenario.interchange.openscenario import Imported, import_openscenario
from drivesim.scenario.load import check_content

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
    """Imports a document, whose scenario has to be valid as a file too."""
    result = import_openscenario(document(*arguments, **keywords), "cut-in.xosc")
    checked = check_content(scenario_yaml(result.scenario, "test").encode())
    assert checked.scenario == result.scenario
    return result


def two(position: str, *events: str, speed_mps: float = 12, ego: str = "") -> Imported:
    """Imports the ego at s = 50 in lane -2 with 10 m/s, and a car elsewhere."""
    init = private("Ego", at(ego or lane(50)), speed(10)) + private("Other", at(position), speed(speed_mps))
    return imported(vehicle("Ego") + vehicle("Other"), init, group("Other", *events) if events else "")


def happened(result: Imported) -> list[str]:
    """Returns the timeline, without the reasons."""
    return [text.partition(" (event")[0] for _, _, text in result.timeline]


def reasons(result: Imported) -> list[str]:
    """Returns the notes, except that the file of the road is not found."""
    return [str(note) for note in result.notes if note.what != "road"]
