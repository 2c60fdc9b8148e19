from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from drivesim.archive import check_archive, open_archive
from drivesim.batch.plan import BatchOptions, plan_batch
from drivesim.batch.results import read_result, write_result
from drivesim.cli.main import app
from drivesim.errors import InputError

SCENARIO = "format: 1\nname: {name}\ntime_of_day: night\nduration_s: {seconds}\nfutures: 2\nsampling: {{steps: 2}}\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two scenarios, one of two windows a future."""
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "long.yaml").write_text(SCENARIO.format(name="long", seconds=2.6))
    (folder / "short.yaml").write_text(SCENARIO.format(name="short", seconds=0.5))
    return folder


def run(files: Path, out: Path, checkpoints: Path, *options: object) -> Result:
    arguments = ["batch", files, "--out", out, "--checkpoints", checkpoints, "--device", "cpu", *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def done(files: Path, tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a batch that is over."""
    out = tmp_path_factory.mktemp("batch")
    result = run(files, out, tiny_checkpoints, "--workers", 2)
    assert result.exit_code == 0, result.output
    return out


def test_a_batch_leaves_archives_and_reports(done: Path) -> None:
    report = json.loads((done / "report.json").read_text())
    assert report["passed"]
    assert [(job["scenario"], job["state"], job["attempts"]) for job in report["jobs"]] == [
        ("long", "done", 1),
        ("short", "done", 1),
    ]
    for job in report["jobs"]:
        assert check_archive(done / job["archive"], read_data=True) == []
        assert "torch" in job["provenance"]["versions"]
        for future in job["futures"]:
            stages = {"first frame", "predict", "interpolate", "decode", "upsample"}
            assert stages | {"commit", "previews"} == set(future["seconds"])
            assert (done / future["video"]).is_file()
    page = (done / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert "://" not in page  # base64 has no colon
    suite = ElementTree.parse(done / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("4", "0", 4)


def test_the_same_command_again_makes_nothing(done: Path, files: Path, tiny_checkpoints: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done / "jobs").rglob("*")}
    result = run(files, done, tiny_checkpoints, "--workers", 1, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["totals"]["done"] == 2
    assert {path: path.stat().st_mtime_ns for path in (done / "jobs").rglob("*")} == before


def test_a_future_is_the_same_bits_in_any_batch_and_alone(
    done: Path, files: Path, tiny_checkpoints: Path, tmp_path: Path
) -> None:
    expected = {
        (job["scenario"], future["future"]): future["content_sha256"]
        for job in json.loads((done / "report.json").read_text())["jobs"]
        for future in job["futures"]
    }
    assert len(set(expected.values())) == 4
    reversed_order = [
        "batch",
        files / "short.yaml",
        files / "long.yaml",
        "--out",
        tmp_path / "reversed",
        "--workers",
        1,
    ]
    alone = ["rollout", files / "long.yaml", "--out", tmp_path / "alone", "--futures", 1]
    for command in (reversed_order, alone):
        options = ["--checkpoints", tiny_checkpoints, "--device", "cpu"]
        result = CliRunner().invoke(app, [str(argument) for argument in [*command, *options]])
        assert result.exit_code == 0, result.output
    for archive in tmp_path.rglob("*.zarr"):
        for rollout in open_archive(archive).rollouts:
            assert rollout.content_sha256 == expected[archive.stem, rollout.future]


def test_a_dry_run_refuses_what_the_batch_would_refuse(done: Path, files: Path, tiny_checkpoints: Path) -> None:
    for options, said in (
        (("--threads", 2), "is a batch with other settings: threads was 1, now 2"),
        (("--like", done / "nowhere"), "nowhere: no such folder"),
    ):
        result = run(files, done, tiny_checkpoints, "--workers", 1, "--dry-run", *options)
        assert isinstance(result.exception, InputError), result.output
        assert said in str(result.exception)


def test_a_dry_run_predicts_from_earlier_jobs_and_writes_nothing(
    done: Path, files: Path, tiny_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivesim.batch.prediction.run_batch", None)
    before = sorted(done.rglob("*"))
    plan = plan_batch([files], BatchOptions(done, tiny_checkpoints))
    results = [read_result(job.rollout.out) for job in plan.jobs]
    work_s = sum(result.seconds - result.stages["all"]["start"] for result in results)
    start_s = max(result.stages["all"]["start"] for result in results)
    size = sum(path.stat().st_size for path in (done / "jobs").rglob("*") if path.is_file())
    for out, like in ((done, ()), (tmp_path / "new", ("--like", done))):
        result = run(files, out, tiny_checkpoints, "--dry-run", "--json", "--workers", 1, "--seed", 1, *like)
        predicted = json.loads(result.stdout)
        assert (predicted["jobs"], predicted["futures"]) == (2, 4)
        assert predicted["seconds"] == pytest.approx(start_s + work_s, abs=0.1)
        assert predicted["bytes"] == pytest.approx(size, abs=1)
    assert sorted(done.rglob("*")) == before
    assert not (tmp_path / "new").exists()
    nothing_left = json.loads(run(files, done, tiny_checkpoints, "--dry-run", "--json").stdout)
    assert (nothing_left["jobs"], nothing_left["seconds"], nothing_left["bytes"]) == (0, 0, 0)


def test_a_dry_run_without_earlier_jobs_measures_a_window_and_keeps_it(
    files: Path, tiny_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = ("--dry-run", "--json", "--workers", 1, "--seeds", 3)
    result = run(files / "short.yaml", tmp_path / "out", tiny_checkpoints, *options)
    predicted = json.loads(result.stdout)
    assert (predicted["jobs"], predicted["futures"]) == (3, 6)
    assert predicted["seconds"] > 0
    assert predicted["bytes"] > 6 * 100_000
    assert not (tmp_path / "out").exists()
    assert "measuring a window, which is kept for later" in result.stderr
    monkeypatch.setattr("drivesim.batch.prediction.run_batch", None)  # measures nothing again
    again = run(files / "short.yaml", tmp_path / "new", tiny_checkpoints, *options)
    assert json.loads(again.stdout) == predicted
    [kept] = (tmp_path / "cache").rglob("*.json")
    assert f"remove {kept} to measure again" in again.stderr
    more = json.loads(run(files / "short.yaml", tmp_path / "new", tiny_checkpoints, *options, "--workers", 3).stdout)
    assert more["seconds"] < predicted["seconds"]  # the one window stands for any number of workers
    kept.write_text("{}")
    assert run(files / "short.yaml", tmp_path / "new", tiny_checkpoints, *options).exit_code == 1


def test_a_gated_batch_gates_the_scenarios_with_boxes(
    files: Path, tiny_checkpoints_with_detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios, out = tmp_path / "scenarios", tmp_path / "out"
    scenarios.mkdir()
    plain = (files / "short.yaml").read_text()
    (scenarios / "plain.yaml").write_text(plain.replace("short", "plain"))
    boxes = "boxes:\n  - {category: car, xyxy: [400, 260, 520, 340]}\n"
    (scenarios / "boxes.yaml").write_text(plain.replace("short", "boxes") + boxes)
    options = (tiny_checkpoints_with_detector, "--gate", 2, "--workers", 1)
    result = run(scenarios, out, *options)
    assert result.exit_code == 0, result.output
    archives = {path.stem: open_archive(path) for path in out.rglob("*.zarr")}
    one, other = (rollout.labels[0]["gate"] for rollout in archives["boxes"].rollouts)
    assert one == other
    assert len(one["attempts"]) == 2
    assert all("gate" not in rollout.labels[0] for rollout in archives["plain"].rollouts)
    monkeypatch.setattr("drivesim.batch.prediction.run_batch", None)
    predicted = json.loads(run(scenarios, out, *options, "--seed", 1, "--dry-run", "--json").stdout)
    assert (predicted["jobs"], predicted["futures"]) == (2, 4)
    refused = run(scenarios, out, tiny_checkpoints_with_detector, "--workers", 1)
    assert "gate was 2, now 1" in str(refused.exception)


def test_a_failed_job_is_in_the_reports_and_in_the_exit_code(done: Path, files: Path, tiny_checkpoints: Path) -> None:
    job = plan_batch([files], BatchOptions(done, tiny_checkpoints)).jobs[1]
    kept = read_result(job.rollout.out)
    chunk = job.rollout.archive_path / "rollouts/0001/frames/c.0.0.0.0"
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-1])
    result = run(files, done, tiny_checkpoints)
    assert result.exit_code == 1
    assert "1 of 2 jobs done, 1 failed" in result.stdout
    suite = ElementTree.parse(done / "junit.xml").getroot()
    assert suite.get("failures") == "2"
    assert "frames/c.0.0.0.0" in suite.find("testcase/failure").text
    assert "frames/c.0.0.0.0" in (done / "report.html").read_text()
    chunk.write_bytes(content)
    write_result(job.rollout.out, kept)
