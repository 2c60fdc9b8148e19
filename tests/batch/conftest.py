from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

MEMORY = 80 * 2**20
T = TypeVar("T")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Ray cluster on the loopback interface: a head that does no work, and two nodes of one CPU each.

    Tests that use it are of the xdist group `ray`, so that there is one at a time.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # which is how Ray keeps to the loopback interface
    from ray.cluster_utils import Cluster

    def patiently(start: Callable[..., T], **options: object) -> T:
        """Ray gives a node 30 s to start, which may be short on a machine that is busy."""
        for attempts_left in (2, 1, 0):
            try:
                return start(**options)
            except Exception as error:
                if not attempts_left or "timed out during startup" not in str(error):
                    raise
        raise AssertionError

    common = {"node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": MEMORY}
    cluster = patiently(Cluster, initialize_head=True, head_node_args={"num_cpus": 0, **common})
    try:
        for _ in range(2):
            patiently(cluster.add_node, num_cpus=1, **common)
        yield cluster
    finally:
        cluster.shutdown()
