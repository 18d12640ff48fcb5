"""The run store when several processes write to it and some are killed with -9.

At moments chosen to hurt, and at random ones.
"""

import json
import os
import random
import signal
import time
import warnings
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest
import transformers.trainer
from transformers import TrainerCallback

from helpers import training
from helpers.lab import experiment, store
from helpers.lab.experiment import RunStore, plan, sweep
from helpers.lab.store import Busy
from helpers.training import running

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")


@pytest.fixture(scope="module")
def start():
    """Start a function in another process; all that still run at the end are ended."""
    context, started = get_context("forkserver"), []
    context.set_forkserver_preload(["helpers.lab.experiment"])

    def start(function, *arguments):
        process = context.Process(target=function, args=arguments)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.fixture(scope="module")
def runs(micro):
    """Three runs of one pruned checkpoint, which starts from a burned-in one.

    The Trainer saves a checkpoint at each step.
    """
    profile = micro.replace(
        checkpoint_every=1,
        pretraining={"burn_in_steps": 2, "steps": 6},
        fine_tuning={"epochs": 3, "deletion_epochs": ((0, 3),)},
    )
    return plan(
        ["prune_pretrain", "info_deletion"], (0.5,), ("cola",), (0,), profile=profile
    ) + plan(["prune_pretrain"], (0.5,), ("sst2",), (0,), profile=profile)


@pytest.fixture(scope="module")
def undisturbed(runs, tmp_path_factory):
    return sweep(runs, tmp_path_factory.mktemp("undisturbed"), progress=False)


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# In the other process


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def replacing(where, nth=1):
    """Die instead of the nth renaming to a path that `where` tells."""
    original, seen = os.replace, []

    def replace(source, target):
        seen.extend([target] if where(Path(target)) else [])
        die() if len(seen) == nth else original(source, target)

    os.replace = replace


def is_state(path):
    return path.name == training.STATE_FILE


def is_record(path):
    return path.parent.name == "runs"


def half_deleted():
    """Die when the Trainer has deleted one file of the oldest of three checkpoints."""

    def rotate(output_dir, **options):
        folders = sorted(Path(output_dir).glob("checkpoint-*"))
        if len(folders) == 3:
            (folders[0] / "model.safetensors").unlink()
            die()

    transformers.trainer.rotate_checkpoints = rotate


def checkpoint_before_filing():
    replacing(lambda path: path.parent.name == "checkpoints")


def checkpoint_filed():
    original = store._remove
    store._remove = lambda path: (
        die() if path.name.startswith("gradual") and path.suffix != ".part" else original(path)
    )


def in_fine_tuning():
    class Die(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 2:
                die()

    original = experiment.fine_tune
    experiment.fine_tune = lambda *arguments, **options: original(
        *arguments, callbacks=[Die()], **options
    )


def record_half_written():
    def dump(record, file, **options):
        file.write('{"rows": [')
        file.flush()
        die()

    store.json.dump = dump


# in the order in which a sweep comes to them, and what this worker resumes before it dies there
MOMENTS = {
    "MLM training: third checkpoint without the values under the masks": (
        lambda: replacing(is_state, nth=3),
        None,
    ),
    "MLM training: oldest checkpoint half deleted": (half_deleted, "gradual"),
    "pruned checkpoint made, but not yet filed": (checkpoint_before_filing, "gradual"),
    "pruned checkpoint filed, work not yet removed": (checkpoint_filed, "gradual"),
    "fine-tuning: after two steps": (in_fine_tuning, None),
    "record half written": (record_half_written, "prune_pretrain"),
    "record written, but not yet filed": (lambda: replacing(is_record), "prune_pretrain"),
    "nothing more": (lambda: None, "prune_pretrain"),
}


def note(folder, *what):
    with open(folder / "log", "a") as file:
        file.write(json.dumps(what) + "\n")


def noted(folder, kind):
    lines = (folder / "log").read_text().splitlines() if (folder / "log").is_file() else []
    return [what for this, what in map(json.loads, lines) if this == kind]


def work(folder, runs, moment="nothing more"):
    """Sweep; note what is filed and what is resumed, and die at the moment."""
    write, made, last = RunStore.write, RunStore._made, running.last_checkpoint

    def noting(original):
        def method(self, key, *more):
            result = original(self, key, *more)
            note(folder, "filed", key)
            return result

        return method

    def noting_last(output_dir, needed):
        found = last(output_dir, needed)
        if found:
            note(folder, "resumed", str(Path(found).relative_to(folder)))
        return found

    RunStore.write, RunStore._made, running.last_checkpoint = (
        noting(write),
        noting(made),
        noting_last,
    )
    MOMENTS[moment][0]()
    sweep(runs, folder, progress=False)


def hold(folder, sign):
    with RunStore(folder).lock("key"):
        sign.touch()
        time.sleep(600)


def slowly(folder, calls):
    def make(part, work):
        note(calls, "made", os.getpid())
        time.sleep(1)
        (part / "weights").write_text("1 2 3")
        return {}

    RunStore(folder).checkpoint("key", make)


# In this one


def whole(folder):
    """Whether all that is filed can be read."""
    kept = RunStore(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = [kept.read(path.stem) for path in (folder / "runs").iterdir()]
        infos = [store._whole(path) for path in (folder / "checkpoints").iterdir()]
    return all(records) and all(infos)


def test_killed_at_every_inconvenient_moment(start, runs, undisturbed, tmp_path):
    """Eight workers, one after the other; each but the last dies where the next must take over."""
    for moment, (_, resumed) in MOMENTS.items():
        before = len(noted(tmp_path, "resumed"))
        worker = start(work, tmp_path, runs, moment)
        worker.join(600)
        assert worker.exitcode == (0 if moment == "nothing more" else -signal.SIGKILL), moment
        assert whole(tmp_path), moment
        first = [path.split("/")[1] for path in noted(tmp_path, "resumed")[before:]][:1]
        assert [name.partition("-0")[0] for name in first] == ([resumed] if resumed else []), moment
    pd.testing.assert_frame_equal(sweep(runs, tmp_path, progress=False), undisturbed)
    assert max(Counter(noted(tmp_path, "filed")).values()) == 1
    assert not list((tmp_path / "work").iterdir())


def test_workers_killed_at_random_moments(start, runs, undisturbed, tmp_path):
    """Two workers at once; six times one of them is killed and replaced."""
    rng = random.Random(0)
    workers = [start(work, tmp_path, runs) for _ in range(2)]
    for _ in range(6):
        time.sleep(rng.uniform(0.2, 1.2))
        victim = rng.randrange(2)
        workers[victim].kill()
        workers[victim].join()
        assert whole(tmp_path)
        workers[victim] = start(work, tmp_path, runs)
    for worker in workers:
        worker.join(600)
    assert [worker.exitcode for worker in workers] == [0, 0]
    pd.testing.assert_frame_equal(sweep(runs, tmp_path, progress=False), undisturbed)
    filed = Counter(noted(tmp_path, "filed"))
    assert max(filed.values()) == 1 and {run.key for run in runs} <= {
        path.stem for path in (tmp_path / "runs").iterdir()
    }
    assert not list((tmp_path / "work").iterdir())


def test_two_workers_do_not_make_the_same_checkpoint(start, tmp_path):
    workers = [start(slowly, tmp_path / "store", tmp_path) for _ in range(2)]
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0] and len(noted(tmp_path, "made")) == 1
    assert (tmp_path / "store" / "checkpoints" / "key" / "weights").read_text() == "1 2 3"


def test_a_lock_ends_with_its_owner(start, tmp_path):
    owner = start(hold, tmp_path, tmp_path / "held")
    wait_for((tmp_path / "held").is_file)
    with (
        pytest.raises(Busy, match="another process is making key"),
        RunStore(tmp_path, wait=False).lock("key"),
    ):
        pass
    owner.kill()
    owner.join()
    with RunStore(tmp_path, wait=False).lock("key"), RunStore(tmp_path, wait=False).lock("another"):
        assert owner.exitcode == -signal.SIGKILL


def test_a_sweep_leaves_to_another_what_that_is_at(runs, undisturbed, tmp_path, monkeypatch):
    """One run is being made elsewhere: the others come first, then this sweep waits for it."""
    monkeypatch.setattr("helpers.lab.workers.AGAIN", 0.1)
    other, order = RunStore(tmp_path), []
    held = other.lock(runs[0].key)
    held.__enter__()
    original = experiment._carry_out

    def carry_out(run, *more):
        order.append(run.key)
        if len(order) == 2:
            held.__exit__(None, None, None)
        return original(run, *more)

    monkeypatch.setattr(experiment, "_carry_out", carry_out)
    pd.testing.assert_frame_equal(sweep(runs, tmp_path, progress=False), undisturbed)
    assert order == [runs[1].key, runs[2].key, runs[0].key]


def test_what_killed_workers_left_is_removed(tmp_path):
    kept = RunStore(tmp_path)
    kept.write("finished", {"rows": []})
    for name in (
        "finished/checkpoint-5",
        "unfinished/checkpoint-5",
        "unfinished.0123.part",
        "held.0123.part",
    ):
        (tmp_path / "work" / name).mkdir(parents=True)
    (tmp_path / "work" / "unfinished.4567.part").write_text("half a rec")
    with kept.lock("held"):
        RunStore(tmp_path).clean()
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"unfinished", "held.0123.part"}


def test_folders_may_be_read_by_others(tmp_path):
    """A shared store: what one user files, another can read, if their umask lets them."""
    kept = RunStore(tmp_path)
    folder, _ = kept.checkpoint("key", lambda part, work: {})
    kept.write("key", {"rows": []})
    (tmp_path / "made").mkdir()
    assert folder.stat().st_mode == (tmp_path / "made").stat().st_mode
    assert (tmp_path / "runs" / "key.json").stat().st_mode & 0o444 == (
        folder / "info.json"
    ).stat().st_mode & 0o444


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_who_may_write_to_the_folder_may_write_to_the_store(tmp_path):
    """A store of a whole class: locks that others may take, too."""
    tmp_path.chmod(0o777)
    shared = RunStore(tmp_path)
    with shared.lock("a-run"):
        pass
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("*")}
    assert modes == dict.fromkeys(("runs", "checkpoints", "work", "locks"), 0o777)
    assert (tmp_path / "locks" / "a-run.lock").stat().st_mode & 0o777 == 0o666


def test_a_store_that_lacks_empty_folders_can_be_read(tmp_path, monkeypatch):
    """Git keeps no empty folder, and the copy may be read-only."""
    (tmp_path / "runs").mkdir()
    refused = PermissionError("read-only")
    monkeypatch.setattr(Path, "mkdir", lambda *args, **options: (_ for _ in ()).throw(refused))
    kept = RunStore(tmp_path)
    kept.clean()
    assert kept.keys() == [] and kept.rows().empty


def test_a_sweep_that_cleans_leaves_alone_what_another_publishes(tmp_path, monkeypatch):
    other, replace = RunStore(tmp_path), os.replace

    def at_once(part, path):
        other.clean()
        replace(part, path)

    monkeypatch.setattr(store.os, "replace", at_once)
    RunStore(tmp_path).publish("results.csv", "a,b")
    assert (tmp_path / "results.csv").read_text() == "a,b"
