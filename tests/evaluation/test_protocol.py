from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from drivesim.errors import InputError
from drivesim.evaluation.compare import ProtocolMismatchError, compare_figures, compare_reports
from drivesim.evaluation.protocol import Figure, Protocol, Report


def _with_protocol(report: Report, **changes: str) -> Report:
    """The same report under another protocol and in other words."""
    figures = tuple(replace(figure, protocol=replace(figure.protocol, **changes)) for figure in report.figures)
    return replace(report, figures=figures)


def _figure(protocol: Protocol, value: float = 1.0) -> Figure:
    return Figure("frechet_distance", "composed", value, value - 0.1, value + 0.1, 10, protocol)


def test_a_report_survives_the_disk(protocol: Protocol, tmp_path: Path) -> None:
    unknown = Figure("ap50", "bus", None, None, None, 0, replace(protocol, measure="ap"))
    report = Report("frames", {"image": "ef" * 32}, (_figure(protocol), unknown))
    report.write(tmp_path / "deep" / "report.json")
    assert Report.read(tmp_path / "deep" / "report.json") == report


def test_a_report_of_format_1_is_read_in_the_words_of_today(protocol: Protocol, tmp_path: Path) -> None:
    today = Report("vehicle_detector", {"vehicle_detector": "ef" * 32}, (_figure(protocol),))
    today = replace(today, figures=(replace(today.figures[0], group="reconstructed, all"),))
    today = _with_protocol(today, measure="vehicles of at least 24 px per frame", settings="conditioned on boxes, low")
    former = replace(today, evaluation="reader", subject={"reader": "ef" * 32})
    former = _with_protocol(former, measure="vehicles of at least 24 px a frame", settings="told boxes, low")
    former = replace(former, figures=(replace(former.figures[0], group="passed, all"),))
    path = tmp_path / "report.json"
    path.write_text(former.as_json().replace('"format": 2', '"format": 1'))
    assert Report.read(path) == today


@pytest.mark.parametrize("field", [field.name for field in fields(Protocol)])
def test_every_part_of_a_protocol_must_be_equal(protocol: Protocol, field: str) -> None:
    current = getattr(protocol, field)
    other = replace(protocol, **{field: current + 1 if isinstance(current, int) else f"{current} other"})
    assert other.digest != protocol.digest
    with pytest.raises(ProtocolMismatchError, match=f"{field}: "):
        compare_figures(_figure(protocol), _figure(other))


def test_intervals_that_touch_are_not_apart(protocol: Protocol) -> None:
    assert not compare_figures(_figure(protocol, 1.0), _figure(protocol, 1.15)).apart
    pair = compare_figures(_figure(protocol, 1.0), _figure(protocol, 2.0))
    assert pair.apart
    assert pair.change == 1.0


def test_reports_of_different_evaluations_are_refused(protocol: Protocol) -> None:
    one, other = (Report(name, {}, (_figure(protocol),)) for name in ("frames", "adherence"))
    with pytest.raises(ProtocolMismatchError):
        compare_reports(one, other)
    with pytest.raises(InputError, match="share no figure"):
        compare_reports(one, Report("frames", {}, ()))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 3}', "\xff"])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="report"):
        Report.read(tmp_path / "report.json")


def test_a_protocol_changed_by_hand_is_refused(protocol: Protocol, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    Report("frames", {}, (_figure(protocol),)).write(path)
    content = json.loads(path.read_text())
    content["protocols"][protocol.digest]["num_samples"] = 10_000
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="not the one that its figures were measured by"):
        Report.read(path)
