"""The engine on a Ray cluster: the same bits as on one machine, whatever dies meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from drivesim.archive import open_archive
from drivesim.batch import ray_runner
from drivesim.batch.local_runner import run_batch
from drivesim.batch.plan import BatchOptions, BatchPlan, plan_batch
from drivesim.batch.ray_runner import run_on_ray
from drivesim.batch.runner import BatchEvent
from drivesim.cli.main import app
from drivesim.errors import DrivesimError, InputError
from drivesim.rollout.running import Committed
from file_digests import file_digests

if TYPE_CHECKING:
    from ray._private.node import Node
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.xdist_group("ray")
SCENARIO = "format: 1\nname: short\ntime_of_day: night\nduration_s: 3\nfutures: 1\nsampling: {steps: 2}\n"
SEEDS = 3
FIRST_WINDOWS = "jobs/*/*.zarr/rollouts/*/_commit/000000.json"


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario of two windows."""
    file = tmp_path_factory.mktemp("scenarios") / "short.yaml"
    file.write_text(SCENARIO)
    return file


@pytest.fixture(scope="module")
def local(scenario: Path, tiny_checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the runner of one machine makes."""
    plan = planned(scenario, tiny_checkpoints, tmp_path_factory.mktemp("local"))
    assert states(run_batch(plan, 1)) == {"done"}
    return archives(plan.out)


def planned(scenario: Path, checkpoints: Path, out: Path) -> BatchPlan:
    return plan_batch([scenario], BatchOptions(out, checkpoints, num_seeds=SEEDS))


def states(events: Iterator[BatchEvent]) -> set[str]:
    return {event.result.state for event in {event.job.id: event for event in events}.values()}


def archives(out: Path) -> dict[str, str]:
    """Returns path -> sha256 of every file of every archive."""
    return file_digests(out, "jobs/*/*.zarr/**/*")


def test_a_node_killed_in_the_middle_changes_no_bit(
    cluster: Cluster, scenario: Path, tiny_checkpoints: Path, tmp_path: Path, local: dict[str, str]
) -> None:
    plan = planned(scenario, tiny_checkpoints, tmp_path)
    killed, results = None, {}
    for event in run_on_ray(plan, cluster.address):
        if killed is None and isinstance(event.step, Committed):
            killed = event.job.id
            cluster.remove_node(node_of(event.job.rollout.archive_path, cluster), allow_graceful=False)
        results[event.job.id] = event.result
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=80 * 2**20)
    assert {result.state for result in results.values()} == {"done"}
    assert results[killed].attempts == 2
    assert archives(tmp_path) == local


def node_of(archive: Path, cluster: Cluster) -> Node:
    """The node that writes an archive: each of its workers is a child of the node's raylet."""
    writer = archive.with_name(archive.name + ".lock").read_text().split()[1]
    parent = int(Path(f"/proc/{writer}/stat").read_text().rpartition(")")[2].split()[1])
    return next(
        node
        for node in cluster.worker_nodes
        if parent in (process.process.pid for processes in node.all_processes.values() for process in processes)
    )


def test_a_killed_driver_is_continued_by_the_same_command(
    cluster: Cluster,
    scenario: Path,
    tiny_checkpoints: Path,
    tmp_path: Path,
    local: dict[str, str],
    wait_until: Callable[..., None],
) -> None:
    command = ["batch", scenario, "--out", tmp_path, "--checkpoints", tiny_checkpoints, "--device", "cpu"]
    command = [str(part) for part in [*command, "--seeds", SEEDS, "--ray", cluster.address]]
    with subprocess.Popen([sys.executable, "-m", "drivesim", *command]) as driver:
        try:
            wait_until(lambda: driver.poll() is not None or list(tmp_path.glob(FIRST_WINDOWS)))
        finally:
            driver.kill()
    assert driver.returncode == -signal.SIGKILL
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert f"{SEEDS} of {SEEDS} jobs done" in result.stdout
    assert archives(tmp_path) == local
    assert all(open_archive(path).complete for path in tmp_path.glob("jobs/*/*.zarr"))


def test_a_worker_with_other_models_gets_no_job(
    cluster: Cluster, scenario: Path, tiny_checkpoints: Path, tmp_path: Path
) -> None:
    plan = planned(scenario, tiny_checkpoints, tmp_path)
    others = dict.fromkeys(plan.common["checkpoints"], "0" * 64)
    plan = replace(plan, common={**plan.common, "checkpoints": others})
    with pytest.raises(DrivesimError, match=r"no worker of the cluster can take a job: .*not the models"):
        list(run_on_ray(plan, cluster.address, 1))
    assert not list(tmp_path.glob("jobs/*/*.zarr"))


def test_a_cluster_without_room_is_named(
    cluster: Cluster, scenario: Path, tiny_checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_runner, "PLACEMENT_S", 1.0)
    plan = plan_batch([scenario], BatchOptions(tmp_path, tiny_checkpoints, threads=64))
    with pytest.raises(DrivesimError, match="placed no worker for 1 s; each takes 64 CPUs"):
        list(run_on_ray(plan, cluster.address))


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:port", "nowhere"])
def test_where_no_cluster_answers(scenario: Path, tiny_checkpoints: Path, tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match=rf"--ray {address}: no Ray cluster answers there"):
        list(run_on_ray(planned(scenario, tiny_checkpoints, tmp_path / "out"), address))
    assert not (tmp_path / "out").exists()
    command = ["batch", scenario, "--out", tmp_path, "--checkpoints", tiny_checkpoints, "--ray", address, "--dry-run"]
    assert CliRunner().invoke(app, list(map(str, command))).exception.exit_code == 2
