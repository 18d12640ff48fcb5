"""Sweeps on a Ray cluster of two nodes of one core each; one node is killed in the middle."""

import json
import os
import threading
import time

import pandas as pd
import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray", reason="Ray is not installed; pip install -e .[ray] adds it")
cluster_utils = pytest.importorskip("ray.cluster_utils")

from helpers.lab.experiment import RunStore, plan, sweep  # noqa: E402
from helpers.lab.workers import FailedTasks, OnRay, Task, carry_out  # noqa: E402

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="Ray's clusters for tests need Linux or macOS"
)


@pytest.fixture(scope="module")
def cluster():
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False)
    )
    cluster.second = cluster.add_node(num_cpus=1, num_gpus=1)  # for Ray a GPU is a number
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def runs(micro):
    """Two prunings, each long enough to be killed in the middle, and what starts from them."""
    profile = micro.replace(checkpoint_every=20, pretraining={"steps": 200})
    return plan(["prune_pretrain", "random", "majority"], (0.5,), ("cola",), (0,), profile=profile)


def test_failures_are_reported_and_the_rest_is_done(cluster, tmp_path):
    done = tmp_path / "done"
    tasks = [
        Task("fails", json.loads, ("no JSON",)),
        Task("touches", done.touch, ()),
        Task("needs", done.unlink, (), ("fails",)),
    ]
    with pytest.raises(FailedTasks) as failed:
        carry_out(tasks, OnRay(cluster.address, gpus=0), progress=False)
    assert "2 of 3 tasks failed" in str(failed.value) and done.exists()
    assert "  fails: JSONDecodeError: Expecting value" in str(failed.value)
    assert "  needs: RuntimeError: not tried, because fails failed" in str(failed.value)


def test_a_task_gets_a_gpu_where_the_cluster_has_any(cluster, tmp_path):
    tasks = [
        Task(name, os.system, (f"echo $CUDA_VISIBLE_DEVICES > {tmp_path / name}",)) for name in "ab"
    ]
    carry_out(tasks, OnRay(cluster.address), progress=False)
    assert [(tmp_path / name).read_text() for name in "ab"] == ["0\n", "0\n"]


def test_a_sweep_survives_a_killed_node(cluster, runs, tmp_path):
    """When it is killed, each node is at one of the two prunings, or one of them is done."""
    store, result = RunStore(tmp_path / "ray"), []
    sweeping = threading.Thread(
        target=lambda: result.append(
            sweep(runs, store, progress=False, ray=cluster.address, gpus=0)
        )
    )
    sweeping.start()
    end = time.monotonic() + 120
    while len({path.parent for path in store.folder.glob("work/*/checkpoint-*")}) < 2 and not any(
        (store.folder / "checkpoints").iterdir()
    ):
        assert time.monotonic() < end and sweeping.is_alive()
        time.sleep(0.02)
    cluster.remove_node(cluster.second, allow_graceful=False)
    assert store.rows().condition.isin(["majority"]).all()  # there is work left
    sweeping.join(240)
    undisturbed = sweep(runs, tmp_path / "undisturbed", progress=False)
    pd.testing.assert_frame_equal(result[0], undisturbed)
    store.clean()
    assert not list((store.folder / "work").iterdir())
