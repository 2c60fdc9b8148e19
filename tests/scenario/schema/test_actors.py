from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.errors import ScenarioError
from drivesim.geometry.camera import PinholeCamera
from drivesim.scenario import Scenario, parse_scenario

HEAD = b"format: 1\nname: case\n"
FOCAL = 512 / np.tan(np.deg2rad(29))
PEAK_CURVATURE = 10 / np.sqrt(3)  # of a change, in amounts per squared duration


def scenario(*actors: dict[str, Any], **fields: Any) -> Scenario:
    return Scenario.model_validate({"format": 1, "name": "a", "actors": actors, **fields})


def centres(case: Scenario, times: np.ndarray, index: int = 0) -> np.ndarray:
    """Middles of an actor at times `t`: `t 2`."""
    return case.scene.trajectories[index].at(times).position_m


def test_an_actor_stands_where_an_independent_pinhole_puts_it() -> None:
    case = scenario({"category": "car", "distance_m": 20, "lane": 1}, camera={"pitch_deg": 0})
    x0, y0, x1, y1 = case.scene.views(0.0)[0].amodal_box
    assert x0 == pytest.approx(512 + FOCAL * (-3.5 - 0.95) / 20)
    assert x1 == pytest.approx(512 + FOCAL * (-3.5 + 0.95) / 24.6)
    assert y0 == pytest.approx(256 + FOCAL * (1.45 - 1.5) / 20)
    assert y1 == pytest.approx(256 + FOCAL * 1.45 / 20)


def test_boxes_of_the_first_frame_are_the_visible_parts_nearest_first() -> None:
    far = {"category": "bus", "distance_m": 40, "lane": 0}
    near = {"category": "car", "distance_m": 12, "lane": 0}
    layout = scenario(far, near).layout()
    assert layout.category.tolist() == [0, 3]
    assert layout.xyxy.dtype == np.float32
    hidden = scenario(far, near).scene.views(0.0)[1]
    assert layout.xyxy[1, 3] * 512 < hidden.amodal_box[3]
    assert 0 < hidden.visible_fraction < 1


def test_an_actor_out_of_the_frame_or_quite_hidden_is_not_told() -> None:
    wall = {"category": "bus", "distance_m": 8, "lane": 0}
    for other in ({"distance_m": 40, "lane": 0}, {"distance_m": -20, "lane": 1}, {"distance_m": 3, "lateral_m": -20}):
        assert scenario(wall, {"category": "car", **other}).layout().category.tolist() == [3]


def test_an_actor_half_out_of_the_frame_keeps_its_amodal_box() -> None:
    view = scenario({"category": "car", "distance_m": 6, "lane": -1}, road={"ego_lane": 1}).scene.views(0.0)[0]
    assert view.visible_box[2] == 1024
    assert view.amodal_box[2] > 1024
    assert 0.1 < view.visible_fraction < 1


@pytest.mark.parametrize(
    ("fields", "degrees"),
    [
        ({"lane": 1}, 0),
        ({"lane": 2}, 180),
        ({"lane": 2, "heading_deg": 0}, 0),
        ({"lateral_m": -9, "manoeuvres": [{"type": "cross"}]}, 90),
        ({"lateral_m": 9, "manoeuvres": [{"type": "cross"}]}, -90),
        ({"lane": 0, "manoeuvres": [{"type": "oncoming"}]}, 180),
    ],
)
def test_the_heading_follows_the_lane_and_the_manoeuvre(fields: dict[str, Any], degrees: float) -> None:
    case = scenario({"category": "car", "distance_m": 30, **fields})
    assert np.rad2deg(case.scene.trajectories[0].heading_rad) == pytest.approx(degrees)


@pytest.mark.parametrize("heading", [0, 45, 90, 180, -120])
def test_the_distance_is_that_of_the_near_end(heading: float) -> None:
    case = scenario({"category": "truck", "distance_m": 25, "heading_deg": heading})
    assert case.scene.footprints(0, np.array(0.0))[:, 1].min() == pytest.approx(25)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], float, float]] = {
    # manoeuvre, actor, lateral place in metres to the left and speed at its end
    "keep_lane": ({"duration_s": 2}, {"lane": 1}, 3.5, 10),
    "cut_in": ({"duration_s": 3}, {"lane": 1}, 0, 10),
    "cut_out": ({"duration_s": 3, "lane": 1}, {"lane": 0}, 3.5, 10),
    "brake": ({"duration_s": 3, "speed_mps": 4}, {}, 0, 4),
    "accelerate": ({"duration_s": 3, "speed_mps": 15}, {}, 0, 15),
    "stop": ({"duration_s": 4}, {}, 0, 0),
    "overtake": ({"duration_s": 6, "speed_mps": 18}, {"lane": 0}, 0, 18),
    "oncoming": ({"duration_s": 3, "lane": 1}, {"lane": 0}, 3.5, 10),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_manoeuvre_ends_in_its_lane_and_at_its_speed(kind: str) -> None:
    manoeuvre, actor, lateral, speed = CASES[kind]
    steered = {"category": "car", "distance_m": 40, "speed_mps": 10, **actor}
    case = scenario({**steered, "manoeuvres": [{"type": kind, "start_s": 1, **manoeuvre}]})
    end = 1 + manoeuvre["duration_s"]
    assert -centres(case, np.array(end))[0] == pytest.approx(lateral)
    assert case.scene.trajectories[0].at(np.array(end)).speed_mps == pytest.approx(speed)
    before, start = centres(case, np.array([0.0, 1.0]))
    assert start[0] == pytest.approx(before[0])


def test_an_overtaker_is_in_the_other_lane_on_the_way() -> None:
    manoeuvre = {"type": "overtake", "start_s": 0, "duration_s": 6}
    case = scenario({"category": "car", "distance_m": 10, "speed_mps": 10, "manoeuvres": [manoeuvre]})
    assert -centres(case, np.array(3.0))[0] == pytest.approx(3.5)


def test_the_ego_sees_the_world_move_as_it_drives_and_turns() -> None:
    turn = {"type": "turn", "start_s": 0, "duration_s": 2, "angle_deg": 20}
    still = {"category": "car", "distance_m": 40, "speed_mps": 0}
    straight, turning = (scenario(still, ego={"speed_mps": 5, "manoeuvres": m}) for m in ([], [turn]))
    distance = straight.scene.views(2.0)[0].distance_m
    assert distance == pytest.approx(np.hypot(30, 0.95))
    left, _, right, _ = turning.scene.views(2.0)[0].amodal_box
    assert (left + right) / 2 > 512 + 150


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["cut_in", "brake", "stop", "overtake", "keep_lane"]), "start_s": st.floats(0, 5)},
            optional={"duration_s": st.floats(1, 5)},
        ),
        max_size=3,
    ),
    st.floats(3, 25),
)
def test_any_manoeuvres_move_continuously(manoeuvres: list[dict[str, Any]], speed: float) -> None:
    actor = {"category": "car", "distance_m": 20, "lane": 1, "speed_mps": speed, "manoeuvres": manoeuvres}
    times = np.linspace(0, 12, 1201)
    trajectory = scenario(actor).scene.trajectories[0]
    poses = trajectory.at(times)
    steepest = sum(abs(c.amount) / c.duration_s * c.PEAK_SLOPE for c in trajectory.speed_mps.changes)
    sideways = sum(abs(c.amount) / c.duration_s**2 * PEAK_CURVATURE for c in trajectory.lateral_m.changes)
    steps = np.linalg.norm(np.diff(poses.position_m, axis=0), axis=-1)
    assert steps.max() <= (poses.speed_mps.max() + 0.01 * (steepest + sideways)) * 0.01 + 1e-9
    assert np.abs(np.diff(poses.speed_mps)).max() <= 0.0101 * (steepest + sideways) + 1e-9
    assert np.isfinite(poses.heading_rad).all()


def test_lanes_fit_the_road_and_the_camera_is_the_default_models() -> None:
    camera = scenario({"category": "car", "distance_m": 20}).scene.camera
    assert camera == PinholeCamera(1024, 512, np.deg2rad(58), 1.45, np.deg2rad(-0.7))
    assert camera.horizon_px == pytest.approx(245, abs=1)


def test_canonical_keeps_its_keys_without_actors_and_knows_what_steers() -> None:
    plain = parse_scenario(HEAD).canonical()
    assert not {"actors", "ego", "camera", "road"} & set(plain)
    lead = {"category": "car", "distance_m": 20}
    assert scenario({**lead, "id": "x"}).canonical() == scenario({**lead, "id": "y"}, road={"lanes": 2}).canonical()
    braking = {**lead, "manoeuvres": [{"type": "stop"}]}
    assert scenario(lead).canonical() != scenario(braking).canonical()
    assert scenario(lead).canonical() != scenario(lead, camera={"height_m": 1.5}).canonical()


BAD = {
    "boxes and actors": (
        b"boxes: []\nactors: []",
        (3, 8, "`boxes`: `actors` already define the first frame; remove one of the two"),
    ),
    "no distance": (b"actors:\n  - {category: car}", (4, 5, "`distance_m` is missing")),
    "misspelt key of an actor": (
        b"actors:\n  - {category: car, distnce_m: 3, distance_m: 3}",
        (4, 21, "unknown key `distnce_m`; did you mean `distance_m`?"),
    ),
    "misspelt manoeuvre": (
        b"actors:\n  - {category: car, distance_m: 9, manoeuvres: [{type: cutin}]}",
        (4, 56, "`type`: expected 'keep_lane', "),
    ),
    "misspelt key of a manoeuvre": (
        b"actors:\n  - {category: car, distance_m: 9, manoeuvres: [{type: stop, strt_s: 1}]}",
        (4, 62, "unknown key `strt_s`; did you mean `start_s`?"),
    ),
    "a target that means nothing": (
        b"actors:\n  - {category: car, distance_m: 9, manoeuvres: [{type: stop, lane: 1}]}",
        (4, 68, "`lane` means nothing to `stop`; it takes `start_s`, `duration_s`"),
    ),
    "a target that is missing": (
        b"actors:\n  - {category: car, distance_m: 9, manoeuvres: [{type: cut_out}]}",
        (4, 56, "`cut_out` needs `lane`"),
    ),
    "two lateral places": (
        b"actors:\n  - {category: car, distance_m: 9, lane: 1, lateral_m: 2}",
        (4, 56, "`lateral_m`: `lane` already says where the actor is; remove one of the two"),
    ),
    "two of one name": (
        b"actors:\n  - {id: a, category: car, distance_m: 9}\n  - {id: a, category: car, distance_m: 30}",
        (5, 10, "`id`: another actor is already named 'a'"),
    ),
    "ego beside the road": (
        b"road: {lanes: 2, ego_lane: 2}",
        (3, 28, "`ego_lane`: expected a lane of 0..1, because `lanes` is 2, got 2"),
    ),
    "camera in the ground": (b"camera: {height_m: 0}", (3, 20, "`height_m`: expected at least 0.5, got 0")),
    "too many actors": (
        b"actors: [" + b"{category: car, distance_m: 9}," * 65 + b"]",
        (3, 9, "`actors`: expected at most 64 actors, got 65"),
    ),
    "too many manoeuvres": (
        b"ego: {manoeuvres: [" + b"{type: keep}," * 17 + b"]}",
        (3, 19, "`manoeuvres`: expected at most 16 of them, got 17"),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_actor_is_shown_at_its_place(name: str) -> None:
    content, (line, column, message) = BAD[name]
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(HEAD + content, file="case.yaml")
    assert str(caught.value).splitlines()[0].startswith(f"case.yaml:{line}:{column}: {message}")
