"""Tasks that need one another: their order, failures, lost workers; here and in processes."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest
import torch

from helpers import machine
from helpers.lab import workers
from helpers.lab.workers import FailedTasks, Here, Processes, Task, carry_out


def note(folder, name, result=None):
    with open(Path(folder) / "log", "a") as file:
        file.write(f"{name}\n")
    return result


def log(folder):
    return (Path(folder) / "log").read_text().split()


def fail(reason):
    raise ValueError(reason)


def die(folder, name, times=None):
    """Kill this process, the first `times` times."""
    note(folder, name)
    if times is None or log(folder).count(name) <= times:
        os.kill(os.getpid(), signal.SIGKILL)


def tasks_for(folder, needs, function=note):
    return [Task(name, function, (folder, name), tuple(needed)) for name, needed in needs.items()]


def test_each_task_as_soon_as_what_it_needs_is_done(tmp_path):
    """The checkpoint's runs come before the second checkpoint."""
    needs = {
        "checkpoint1": (),
        "run1": ["checkpoint1"],
        "run2": ["checkpoint1"],
        "checkpoint2": (),
        "run3": ["checkpoint2"],
        "run4": (),
    }
    carry_out(tasks_for(tmp_path, needs), Here(), progress=False)
    assert log(tmp_path) == list(needs)


def test_two_workers_do_not_wait_for_all_checkpoints(tmp_path):
    """While one worker still makes the second checkpoint, the other starts runs of the first."""
    started = []

    class TwoAtOnce(Here):
        jobs = 2

        def submit(self, function, name):
            started.append(name)
            self.pending = getattr(self, "pending", {}) | {name: Future()}
            future = self.pending[name]
            if name != "checkpoint2":  # that one takes longest: until all else has started
                future.set_result(None)
            if len(started) == 5:
                self.pending["checkpoint2"].set_result(None)
            return future

    needs = {
        "checkpoint1": (),
        "checkpoint2": (),
        "run1": ["checkpoint1"],
        "run2": ["checkpoint2"],
        "run3": ["checkpoint1"],
        "run4": ["checkpoint1"],
    }
    carry_out(
        [Task(name, note, (name,), tuple(needed)) for name, needed in needs.items()],
        TwoAtOnce(),
        progress=False,
    )
    assert started == ["checkpoint1", "checkpoint2", "run1", "run3", "run4", "run2"]


def test_a_failure_leaves_the_others_alone(tmp_path):
    tasks = [
        Task("checkpoint", fail, ("no disk left",)),
        *tasks_for(tmp_path, {"run1": ["checkpoint"], "run2": (), "run3": ["run1"]}),
    ]
    with pytest.raises(FailedTasks) as failed:
        carry_out(tasks, Here(), progress=False)
    assert log(tmp_path) == ["run2"]
    message = str(failed.value)
    assert "3 of 4 tasks failed" in message and "checkpoint: ValueError: no disk left" in message
    assert (
        "run1: RuntimeError: not tried, because checkpoint failed" in message
        and "run3: RuntimeError" in message
    )
    assert list(failed.value.failures) == ["checkpoint", "run1", "run3"] and isinstance(
        failed.value.__cause__, ValueError
    )


def test_an_interruption_is_not_a_failure(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(
            [Task("interrupted", interrupt, ()), *tasks_for(tmp_path, {"run": ()})],
            Here(),
            progress=False,
        )
    assert not (tmp_path / "log").exists()


def test_what_others_are_at_is_tried_again_later(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "AGAIN", 0.05)
    answers = iter([False, False, None])

    def busy(folder, name):
        return note(folder, name, next(answers))

    carry_out(
        [
            Task("busy", busy, (tmp_path, "busy")),
            *tasks_for(tmp_path, {"free": (), "after": ["busy"]}),
        ],
        Here(),
        progress=False,
    )
    assert log(tmp_path) == ["busy", "free", "busy", "busy", "after"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_killed_workers_are_replaced(tmp_path, monkeypatch):
    """One task's worker dies once, another's always; the rest is not touched."""
    monkeypatch.setattr(workers, "ATTEMPTS", 2)
    tasks = [
        Task("dies once", die, (tmp_path, "once", 1)),
        Task("dies always", die, (tmp_path, "always")),
        *tasks_for(tmp_path, {"run1": (), "run2": (), "run3": ["dies once"]}),
    ]
    with pytest.raises(FailedTasks) as failed:
        carry_out(tasks, Processes(2), progress=False)
    assert list(failed.value.failures) == ["dies always"]
    assert sorted(log(tmp_path)) == ["always"] * 2 + ["once"] * 2 + ["run1", "run2", "run3"]


def whereabouts(folder, name):
    note(folder, f"{name}:{os.environ.get('CUDA_VISIBLE_DEVICES')}:{machine._limit}")
    time.sleep(1)  # so that the other worker takes the other task


def test_processes_divide_cores_and_gpus(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    monkeypatch.setattr(machine, "cores", lambda: 6)
    carry_out(tasks_for(tmp_path, {"a": (), "b": ()}, whereabouts), Processes(2), progress=False)
    assert sorted(log(tmp_path)) == ["a:4:3", "b:7:3"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,7"


def settings(folder, name):
    note(folder, f"{name}:{os.environ.get('HUB_MIRROR')}:{torch.get_num_threads()}")


def test_processes_are_in_the_environment_of_now(tmp_path, monkeypatch):
    """The server they are forked from keeps that of its own start."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for mirror in ("there", None):
        if mirror:
            monkeypatch.setenv("HUB_MIRROR", mirror)
        else:
            monkeypatch.delenv("HUB_MIRROR")
        tasks = tasks_for(tmp_path, {f"{mirror}": ()}, settings)
        carry_out(tasks, Processes(2, ["helpers.lab.experiment"]), progress=False)
    assert log(tmp_path) == ["there:there:1", "None:None:1"]


def test_threads_follow_the_model_and_the_user(monkeypatch):
    """One thread for a small model, all cores for a large one, what the user says for any."""
    small, large = torch.nn.Linear(10, 10), torch.nn.Module()
    large.register_parameter("w", torch.nn.Parameter(torch.empty(machine.LARGE, device="meta")))
    before = torch.get_num_threads()
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda process: range(3), raising=False)
    for name in machine.THREADS:
        monkeypatch.delenv(name, raising=False)
    try:
        used = [machine.use_threads(model) for model in (None, small, large, small)]
        assert used == [1, 1, 3, 1] and torch.get_num_threads() == 1
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        assert machine.use_threads(small) == machine.use_threads(large) == machine.cores() == 2
        monkeypatch.setenv("OMP_NUM_THREADS", "many")  # means nothing
        monkeypatch.setenv("MKL_NUM_THREADS", "2,1")
        assert machine.use_threads(small) == torch.get_num_threads() == 2
        monkeypatch.delenv("MKL_NUM_THREADS")
        monkeypatch.setattr(machine, "_limit", None)
        machine.limit_cores(2)
        assert (machine.cores(), machine.use_threads(large), machine.use_threads(small)) == (
            2,
            2,
            1,
        )
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "first", ["import torch", "import helpers.pruning", "import helpers.plots, torch"]
)
def test_import_is_enough_for_one_thread(first):
    """Whatever comes first, torch or the course: nothing small is computed with two threads."""
    script = f"{first}; import helpers.weights, torch; print(torch.get_num_threads())"
    free = {name: value for name, value in os.environ.items() if name not in machine.THREADS}
    done = subprocess.run([sys.executable, "-c", script], env=free, capture_output=True, text=True)
    assert done.stdout.split() == ["1"], done.stderr


@pytest.mark.parametrize(
    "address, error, named",
    [
        ("127.0.0.1:1", ConnectionError, "ray start --head"),
        ("ray://127.0.0.1:1", ConnectionError, "ray://127.0.0.1:1"),
        ("no-such-host.invalid:6379", ConnectionError, "no-such-host.invalid"),
        ("nowhere", ValueError, "HOST:PORT"),
        ("127.0.0.1:port", ValueError, "65535"),
        ("127.0.0.1:99999", ValueError, "99999"),
    ],
)
def test_a_ray_address_where_nobody_answers(address, error, named):
    with pytest.raises(error, match=re.escape(named)):
        workers._check_address(address)


@pytest.mark.parametrize("address", [None, "", "auto", "local"])
def test_ray_addresses_that_need_no_answer(address):
    assert workers._check_address(address) is None


def test_each_gpu_in_turn(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    seen = []
    for number in range(3):
        with machine.one_gpu(number, 2):
            seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    with machine.one_gpu(0, 0):
        seen.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
    assert seen == ["0", "1", "0", None] and "CUDA_VISIBLE_DEVICES" not in os.environ


def rest(folder, name):
    note(folder, str(os.getpid()))
    time.sleep(600)


def parent(folder):
    carry_out(tasks_for(folder, {"rests": ()}, rest), Processes(2), progress=False)


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    except OSError:
        return False


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks at /proc, which only Linux has"
)
def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    process = get_context("spawn").Process(target=parent, args=(tmp_path,))
    process.start()
    end = time.monotonic() + 120
    while not (tmp_path / "log").exists() and time.monotonic() < end:
        time.sleep(0.05)
    (worker,) = map(int, log(tmp_path))
    assert alive(worker)
    process.kill()
    process.join()
    while alive(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(worker)
