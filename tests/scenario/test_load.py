from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from drivesim.assets import scenario_library
from drivesim.errors import InputError, ScenarioError
from drivesim.geometry.camera import PinholeCamera
from drivesim.scenario import load_scenario, parse_scenario

SHIPPED = sorted(scenario_library().glob("*.yaml"))
FULL = b"""# Everything that format 1 knows.
format: 1
name: full-Example_1
time_of_day: night
crowdedness: 0x2
coords: pixels
boxes:
  - {category: car, xyxy: [400, 260, 520.5, 340]}
  - {category: bus, xyxy: [0, 0, 1, 1], coords: normalized}
duration_s: 2
futures: 3
seed: 0o17
sampling: {sampler: ddim, steps: 20, guidance: 2, context_guidance: 1.5}
"""


def write_picture(path: Path, width: int, height: int) -> Path:
    cv2.imwrite(str(path), np.full((height, width, 3), (10, 100, 200), np.uint8))
    return path


def with_picture(folder: Path, name: str) -> Path:
    file = folder / "scene.yaml"
    file.write_text(f"format: 1\nname: scene\nfirst_frame: {name}\n")
    return file


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_scenario_is_valid_and_named_as_its_file(file: Path) -> None:
    assert load_scenario(file).name == file.stem


def test_six_scenarios_ship_for_day_and_night() -> None:
    times = [load_scenario(file).time_of_day for file in SHIPPED]
    assert times.count("day") >= 3
    assert times.count("night") >= 3


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_vehicles_of_shipped_scenarios_stand_on_the_road(file: Path) -> None:
    camera = PinholeCamera(pitch_rad=-np.arctan(11 / 924))
    plausible_width_m = {"car": (1.5, 3.5), "van": (1.7, 4.0), "truck": (2.2, 4.8), "bus": (2.2, 4.8)}
    for box in load_scenario(file).boxes or ():
        x0, _, x1, y1 = box.xyxy
        width_m = (x1 - x0) * camera.ground_distance(y1) / camera.focal_length_px
        low, high = plausible_width_m[box.category]
        assert low < width_m < high


def test_every_field_is_read() -> None:
    scenario = parse_scenario(FULL)
    assert (scenario.name, scenario.time_of_day, scenario.crowdedness) == ("full-Example_1", "night", 2)
    assert (scenario.duration_s, scenario.futures, scenario.seed) == (2.0, 3, 15)
    assert (scenario.sampling.sampler, scenario.sampling.steps) == ("ddim", 20)
    assert (scenario.sampling.guidance, scenario.sampling.context_guidance) == (2.0, 1.5)


def test_layout_is_normalised_with_categories_by_position() -> None:
    layout = parse_scenario(FULL).layout()
    assert len(layout) == 2
    np.testing.assert_array_equal(layout.category, [0, 3])
    np.testing.assert_allclose(layout.xyxy, [[400 / 1024, 260 / 512, 520.5 / 1024, 340 / 512], [0, 0, 1, 1]])
    assert layout.xyxy.dtype == np.float32


def test_no_boxes_leave_the_layout_to_the_model_and_an_empty_list_is_an_empty_road() -> None:
    assert parse_scenario(b"format: 1\nname: a").layout() is None
    assert parse_scenario(b"format: 1\nname: a\nboxes: []").layout().xyxy.shape == (0, 4)


def test_canonical_does_not_depend_on_how_a_scene_is_written() -> None:
    pixels = b"format: 1\nname: a\nfutures: 1\nboxes:\n  - {category: car, xyxy: [512, 256, 768, 384]}\n"
    fractions = (
        b"{coords: normalized, boxes: [{xyxy: [0.5, 0.5, 0.75, 0.75], category: car}], name: b, format: 1, futures: 9}"
    )
    assert parse_scenario(pixels).canonical() == parse_scenario(fractions).canonical()


@pytest.mark.parametrize("change", [b"seed: 1", b"duration_s: 5", b"time_of_day: day", b"sampling: {steps: 3}"])
def test_canonical_depends_on_what_decides_a_future(change: bytes) -> None:
    base = b"format: 1\nname: a\n"
    assert parse_scenario(base).canonical() != parse_scenario(base + change).canonical()


def test_a_first_frame_is_found_beside_the_scenario(tmp_path: Path) -> None:
    write_picture(tmp_path / "photo.png", 1024, 512)
    assert load_scenario(with_picture(tmp_path, "photo.png")).first_frame == str(tmp_path / "photo.png")


def test_canonical_knows_a_picture_by_its_content_not_its_path(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_picture(tmp_path / folder / "photo.png", 1024, 512)
    first, second = (load_scenario(with_picture(tmp_path / folder, "photo.png")) for folder in ("a", "b"))
    assert first.canonical() == second.canonical()
    write_picture(tmp_path / "b" / "photo.png", 512, 256)
    assert first.canonical() != second.canonical()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a PNG or JPEG picture"),
        (b"GIF89a", "expected a PNG or JPEG picture"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x02\0", "the picture is broken"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\2\0\0\0\1\0\0", "expected at most 64,000,000 pixels, got 131072×65536"),
        (b"\xff\xd8\xff\xe0\x00", "expected a PNG or JPEG picture"),
    ],
)
def test_a_broken_first_frame_is_shown_at_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    file = with_picture(tmp_path, "photo.png")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    line = str(caught.value)
    assert line.startswith(f"{file}:3:14: {tmp_path / 'photo.png'}: ")
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(("width", "height"), [(500, 500), (128, 64), (1024, 480)])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_first_frame_of_odd_size_is_refused(tmp_path: Path, width: int, height: int, suffix: str) -> None:
    write_picture(tmp_path / f"photo{suffix}", width, height)
    with pytest.raises(ScenarioError, match=f"got {width}×{height}"):
        load_scenario(with_picture(tmp_path, f"photo{suffix}"))


def test_a_missing_file_and_a_folder_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such scenario file"):
        load_scenario(tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match="got a folder"):
        load_scenario(tmp_path)


def test_a_scenario_is_shown_in_short() -> None:
    content = b"format: 1\nname: a\nactors:\n  - {category: car, distance_m: 20}\nseed: 7\nfutures: 1\n"
    assert (
        repr(parse_scenario(content)) == str(parse_scenario(content)) == "<Scenario a: 1 actor, 4 s, 1 future, seed 7>"
    )
    boxes = b"format: 1\nname: b\nboxes:\n" + b"  - {category: car, xyxy: [400, 260, 500, 340]}\n" * 2
    assert repr(parse_scenario(boxes)) == "<Scenario b: 2 boxes, 4 s, 2 futures, seed 0>"
