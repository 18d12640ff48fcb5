import dataclasses
import hashlib
import json
import os
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import BertForMaskedLM, BertModel, TrainerCallback

from helpers import data, machine, profiles, pruning, tasks
from helpers.conditions import OF_THE_PAPER, UNPRUNED
from helpers.lab import experiment, runs
from helpers.lab import store as store_module
from helpers.lab.experiment import Run, RunStore, measure, plan, sweep
from helpers.lab.runs import superseded, tell
from helpers.lab.store import COLUMNS
from helpers.profiles import FineTuning, Pretraining
from helpers.training import MagnitudePruning, train_mlm

PRUNED = [condition for condition in OF_THE_PAPER if condition not in UNPRUNED]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def swept(store, micro):
    """The rows of all seven conditions on one task at 50%."""
    return sweep(plan(OF_THE_PAPER, (0.5,), ("cola",), (0,), profile=micro), store, progress=False)


def never(*arguments, **options):
    raise AssertionError("this should not have been run")


# What a run is


@pytest.mark.parametrize(
    "values, error, message",
    [
        (
            dict(condition="prune", task="cola"),
            ValueError,
            "'prune'.*prune_pretrain, info_deletion",
        ),
        (dict(condition="dense", task="imdb"), ValueError, "'imdb'.*cola, sst2"),
        (
            dict(condition="dense", task="cola", profile="huge"),
            ValueError,
            "'huge'.*tiny, small, paper",
        ),
        (dict(condition="random", task="cola", sparsity=1.0), ValueError, r"\[0, 1\).*1.0"),
        (dict(condition="random", task="cola", sparsity=60), ValueError, "for 60 percent pass 0.6"),
        (dict(condition="random", task="cola", sparsity="half"), TypeError, "'half'"),
        *(
            (
                dict(condition=condition, task="cola", sparsity=0.5),
                ValueError,
                f"{condition}.*must be 0, got 0.5",
            )
            for condition in UNPRUNED
        ),
    ],
)
def test_impossible_runs(values, error, message):
    with pytest.raises(error, match=message):
        Run(**values)


def test_defaults_are_the_profiles(monkeypatch):
    assert Run("dense", "cola").profile == profiles.get("tiny")
    monkeypatch.setenv("PRUNING_PROFILE", "small")
    default = Run("dense", "cola")
    assert (
        default.profile == profiles.get("small")
        and default.learning_rate == profiles.get("small").learning_rates[0]
    )


def test_key_is_that_of_the_values(micro):
    values = dict(
        condition="random", task="cola", sparsity=0.5, seed=1, learning_rate=1e-3, profile=micro
    )
    changes = [
        dict(condition="prune_pretrain"),
        dict(task="sst2"),
        dict(sparsity=0.4),
        dict(seed=2),
        dict(learning_rate=2e-3),
        dict(profile=micro.replace(name="another")),
    ]
    for part in ("pretraining", "fine_tuning"):  # every field, also one that is added later
        for field in dataclasses.fields(getattr(micro, part)):
            old = getattr(getattr(micro, part), field.name)
            new = (
                old + ((0, 1),)
                if isinstance(old, tuple)
                else f"{old}x"
                if isinstance(old, str)
                else (old or 0) + 1
            )
            changes.append(dict(profile=micro.replace(**{part: {field.name: new}})))
    keys = [Run(**values | change).key for change in [{}, *changes]]
    assert Run(**values).key == keys[0] and len(set(keys)) == len(keys) > 25
    # what only says which runs a sweep makes changes none of them
    fewer = micro.replace(seeds=(5,), sparsities=(0.1,), tasks=("cola",), checkpoint_every=7)
    assert Run(**values | dict(profile=fewer)).key == keys[0]


def test_key_stays_the_same_from_version_to_version(monkeypatch):
    """A change of it orphans every result that anyone has stored; change this only on purpose."""
    # The key is a digest of the learning rate, the profile's name and its parts as a whole, and of
    # what model, text and task hold. So another field in a part changes all keys, too.
    fields = {
        part: " ".join(field.name for field in dataclasses.fields(kind))
        for part, kind in (("pretraining", Pretraining), ("fine_tuning", FineTuning))
    }
    assert fields == {
        "pretraining": "model text text_config text_rows max_length burn_in_steps steps ramp_steps "
        "frequency batch mlm_probability learning_rate warmup_steps seed text_streaming options "
        "comment_probability comment_weight",
        "fine_tuning": "glue train_rows dev_rows max_length epochs deletion_epochs "
        "before_after_epochs batch options",
    }
    monkeypatch.setattr(runs, "content", lambda where: "content of the model")
    monkeypatch.setattr(data, "text_content", lambda profile: ["content of the text"])
    monkeypatch.setattr(data, "task_content", lambda profile, task: "content of the task")
    run = Run("random", "cola", 0.5, seed=1, profile="tiny")
    values = {
        "learning_rate": run.learning_rate,
        "profile": "tiny",
        "pretraining": dataclasses.asdict(run.profile.pretraining)
        | {"model_content": "content of the model", "text_content": ["content of the text"]},
        "fine_tuning": dataclasses.asdict(run.profile.fine_tuning),
        "task": "content of the task",
    }
    text = json.dumps(values, sort_keys=True)
    assert run.key == f"random-0.5-cola-1-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@pytest.mark.parametrize("changed", ["model", "task", "an earlier version"])
def test_what_becomes_of_runs_of_another_model_is_said(micro, tmp_path, monkeypatch, changed):
    """The old run stays, the new one is made, and the sweep says so once."""
    store, run = RunStore(tmp_path), Run("majority", "cola", profile=micro)
    other_seed = Run("majority", "cola", seed=1, profile=micro)
    sweep([run, other_seed], store, progress=False)
    old = run.key
    if changed == "model":
        monkeypatch.setattr(runs, "content", lambda where: "retrained")
    elif changed == "task":
        monkeypatch.setattr(data, "task_content", lambda profile, task: "other sentences")
    else:  # filed under a key of its own, its profile without parts
        record = store.read(old)
        flat = {"name": micro.name, "model": micro.model, "mlm_steps": 4}
        (tmp_path / "runs" / f"{old}.json").unlink()
        old = "majority-0-cola-0-0123456789ab"
        store.write(old, record | {"run": record["run"] | {"profile": flat}})
    assert "1 finished run has the same settings" in tell([run], store)
    with pytest.warns(UserWarning, match=r"1 finished run has .*runs stays there.* not used"):
        sweep([run], store, progress=False)
    assert {old, run.key} <= set(store.keys()) and old != run.key
    assert superseded([run], store) == [old]
    with warnings.catch_warnings():  # now that the new one is there
        warnings.simplefilter("error")
        sweep([run], store, progress=False)


def test_other_settings_are_no_old_runs(micro, tmp_path):
    """Another learning rate or another length is another experiment, not an old one."""
    measure(Run("majority", "cola", profile=micro), tmp_path)
    for other in (
        Run("majority", "cola", learning_rate=7e-3, profile=micro),
        Run("majority", "cola", profile=micro.replace(fine_tuning={"epochs": 3})),
    ):
        assert superseded([other], RunStore(tmp_path)) == []


def test_numbers_of_numpy_are_numbers(micro):
    assert (
        Run("dense", "cola", np.float64(0), np.int64(1), np.float64(1e-3), micro).key
        == Run("dense", "cola", 0, 1, 1e-3, micro).key
    )


def test_plan_has_every_combination_and_the_unpruned_once(micro):
    runs = plan(
        ["prune_pretrain", "dense"], (0.3, 0.5, 0.9), ("cola", "sst2"), (0, 1), profile=micro
    )
    assert len(runs) == 2 * 2 * (3 + 1) == len({r.key for r in runs})


def test_plan_checks_all_values_at_once(micro):
    with pytest.raises(ValueError, match="'nothing'"):
        plan(["dense", "nothing"], (0.5,), ("cola",), (0,), profile=micro)


# What a sweep gives


def test_rows_are_tidy(swept):
    assert list(swept.columns) == COLUMNS
    assert set(swept.condition) == set(OF_THE_PAPER)
    assert (
        not swept.isna().any().any()
        and not swept.duplicated(["condition", "sparsity", "task", "seed", "metric"]).any()
    )
    assert set(swept[swept.condition.isin(PRUNED)].sparsity) == {0.5} and set(
        swept[swept.condition.isin(UNPRUNED)].sparsity
    ) == {0}
    assert (
        swept[swept.metric == "accuracy"].value.between(0, 1).all()
        and (swept[swept.metric == "train_loss"].value > 0).all()
    )


@pytest.mark.parametrize("condition", OF_THE_PAPER)
def test_each_condition_measures_what_it_can(swept, condition):
    measured = {"accuracy", "matthews_correlation", "train_loss"}
    pretrained = condition not in ("from_scratch", "majority")
    assert set(swept[swept.condition == condition].metric) == measured | (
        {"mlm_loss"} if pretrained else set()
    )


def test_conditions_share_their_pre_training(swept, store):
    loss = swept[swept.metric == "mlm_loss"].set_index("condition").value
    assert loss.prune_pretrain == loss.info_deletion and loss.dense == loss.prune_downstream
    assert (
        len({loss.prune_pretrain, loss.dense, loss.random})
        == 3
        == len(list((store.folder / "checkpoints").iterdir()))
    )


def test_majority_is_the_constant_prediction(swept, micro):
    examples = data.load_examples(micro, "cola")
    counts = np.bincount(examples["train"]["label"])
    accuracy = np.mean(np.array(examples["validation"]["label"]) == counts.argmax())
    entropy = -(counts / counts.sum() * np.log(counts / counts.sum())).sum()
    measured = swept[swept.condition == "majority"].set_index("metric").value
    assert measured.to_dict() == pytest.approx(
        {"accuracy": accuracy, "matthews_correlation": 0, "train_loss": entropy}
    )


def test_majority_of_uneven_classes(micro, tmp_path):
    measured = measure(Run("majority", "mnli", profile=micro), tmp_path).set_index("metric").value
    labels = np.array(data.load_examples(micro, "mnli")["validation"]["label"])
    assert measured.accuracy == np.mean(
        labels == np.bincount(data.load_examples(micro, "mnli")["train"]["label"]).argmax()
    )


@pytest.mark.parametrize(
    "kind, sparsity", [("gradual-0.5", 0.5), ("random-0.5", 0.5), ("gradual-0-", 0.0)]
)
def test_stored_checkpoints_are_ordinary_ones_with_exact_zeros(swept, store, kind, sparsity):
    (folder,) = (store.folder / "checkpoints").glob(f"{kind}*")
    model = BertModel.from_pretrained(folder)
    report = pruning.sparsity_report(model)
    assert (
        report.zeros.tolist()[:-1] == [round(n * sparsity) for n in report.entries][:-1]
        and "pooler.dense.weight" in report.index
    )
    masks = pruning.load_masks(folder / "masks.safetensors")
    assert all(
        torch.equal(weight != 0, masks[name])
        for name, weight in pruning.prunable_parameters(model).items()
    )


def test_what_stays_pruned_in_fine_tuning(swept, store, micro, monkeypatch):
    """Another learning rate makes new runs of the stored checkpoints: look at what they measure."""
    seen = {}

    def predict(model, *arguments):
        seen[condition] = pruning.sparsity_report(model).sparsity
        return original(model, *arguments)

    original = experiment.predict
    monkeypatch.setattr(experiment, "predict", predict)
    for condition in OF_THE_PAPER:
        if condition != "majority":
            measure(
                Run(
                    condition,
                    "cola",
                    0.5 if condition in PRUNED else 0,
                    learning_rate=5e-3,
                    profile=micro,
                ),
                store,
            )
    for condition in ("prune_pretrain", "prune_downstream", "random"):
        assert seen[condition].drop("total").tolist() == pytest.approx([0.5] * 14, abs=1e-2), (
            condition
        )
        assert seen[condition].drop(["total", "embeddings.word_embeddings.weight"]).eq(0.5).all()
    # Words that the task does not use stay at their starting values, zeros as well.
    words = "embeddings.word_embeddings.weight"
    assert seen["info_deletion"].drop(["total", words]).max() < 0.1
    assert seen["info_deletion"]["total"] < seen["prune_pretrain"]["total"]
    assert (
        seen["dense"].drop(["total", words]).max()
        == 0
        == seen["from_scratch"].drop(["total", words]).max()
    )


def test_provenance_is_kept_beside_the_rows(swept, store, micro):
    record = store.read(Run("dense", "cola", profile=micro).key)
    assert (
        record["run"]["profile"]["pretraining"]["steps"] == micro.pretraining.steps
        and record["run"]["condition"] == "dense"
    )
    provenance = record["provenance"]
    assert {
        "machine",
        "versions",
        "commit",
        "date",
        "wall_seconds",
        "peak_memory_mb",
    } <= provenance.keys()
    assert (provenance["train_rows"], provenance["dev_rows"]) == (32, 32)
    assert 50 < provenance["peak_memory_mb"] < 10_000 and 0 < provenance["wall_seconds"] < 600


def test_provenance_without_git(monkeypatch):
    def no_git(*arguments, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr("subprocess.run", no_git)
    assert machine.provenance.__wrapped__()["commit"] == "unknown"


# A finished run is never run again


def test_a_second_sweep_only_reads(swept, store, micro, monkeypatch):
    for function in ("_carry_out", "pretrain"):
        monkeypatch.setattr(experiment, function, never)
    again = sweep(plan(OF_THE_PAPER, (0.5,), ("cola",), (0,), profile=micro), store, progress=False)
    pd.testing.assert_frame_equal(again, swept)


def test_store_gives_all_rows(swept, store):
    rows = store.rows()
    assert list(rows.columns) == COLUMNS and len(rows) >= len(swept)


def test_an_interrupted_sweep_goes_on_where_it_was(micro, tmp_path, monkeypatch):
    runs = plan(["majority"], (), ("cola", "sst2", "qqp"), (0,), profile=micro)
    original, carried_out = experiment._carry_out, []

    def interrupted(run, *more):
        if run.task == "sst2" and len(carried_out) < 2:
            carried_out.append("interrupted")
            raise KeyboardInterrupt
        carried_out.append(run.task)
        return original(run, *more)

    monkeypatch.setattr(experiment, "_carry_out", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(runs, tmp_path, progress=False)
    assert set(RunStore(tmp_path).rows().task) == {"cola"}
    assert set(sweep(runs, tmp_path, progress=False).task) == {"cola", "sst2", "qqp"}
    assert carried_out == ["cola", "interrupted", "sst2", "qqp"]


def test_what_cannot_be_loaded_stops_the_sweep_before_any_work(micro, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "_carry_out", never)
    monkeypatch.setattr(experiment, "pretrain", never)
    with pytest.raises(ValueError, match="'mrpc'.*cola, sst2"):
        plan(["prune_pretrain"], (0.5,), ("cola", "mrpc"), (0,), profile=micro)
    for part, values in {"pretraining": "model", "fine_tuning": "glue"}.items():
        profile = micro.replace(**{part: {values: "no/such-thing"}})
        with pytest.raises(FileNotFoundError, match="no/such-thing"):  # a model's by the plan
            planned = plan(["prune_pretrain"], (0.5,), ("cola",), (0,), profile=profile)
            sweep(planned, tmp_path, progress=False)


def test_a_cache_that_cannot_be_written_stops_the_sweep_before_any_work(
    micro, tmp_path, monkeypatch
):
    """`evaluate` writes to HOME when the metrics are computed: after the fine-tuning."""

    def score(*arguments):
        raise PermissionError(13, "Permission denied", "/home/you/.cache")

    monkeypatch.setattr(tasks, "score", score)
    monkeypatch.setattr(experiment, "_carry_out", never)
    runs_ = plan(["dense"], (), ("cola",), (0,), profile=micro)
    with pytest.raises(PermissionError, match="Permission denied.*HF_HOME"):
        sweep(runs_, tmp_path, progress=False)


def test_an_interrupted_sweep_says_one_sentence(micro, tmp_path, monkeypatch):
    """Where IPython would show a traceback, it shows what `_render_traceback_` gives."""

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "_carry_out", interrupt)
    planned = plan(["majority"], (), ("cola",), (0,), profile=micro)
    with pytest.raises(KeyboardInterrupt) as stopped:
        sweep(planned, tmp_path, progress=False)
    (line,) = stopped.value._render_traceback_()
    assert str(tmp_path) in line and "goes on from there" in line


def test_plan_says_when_there_is_nothing_to_run(micro):
    for values in ([], ["prune_pretrain"]):  # no condition; no sparsity for one that prunes
        with pytest.raises(ValueError, match="nothing to run"):
            plan(values, (), ("cola",), (0,), profile=micro)


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "2"])
def test_jobs_are_a_number(micro, tmp_path, jobs):
    with pytest.raises(ValueError, match="jobs must be a whole number of at least 1"):
        sweep(plan(["majority"], (), ("cola",), (0,), profile=micro), tmp_path, jobs)


def test_two_processes_give_what_one_gives(micro, tmp_path):
    """With a burn-in, which both pre-trainings start from, and with checkpoints on the way."""
    profile = micro.replace(checkpoint_every=1, pretraining={"burn_in_steps": 4})
    runs = plan(["prune_pretrain", "random"], (0.5,), ("cola",), (0,), profile=profile)
    both, one = (sweep(runs, tmp_path / f"{jobs}", jobs, progress=False) for jobs in (2, 1))
    pd.testing.assert_frame_equal(both, one)


# The store


RECORD = {"rows": [{"metric": "accuracy", "value": 0.1 + 0.2}], "run": {"x": (1, None)}}


def test_what_is_written_is_read(tmp_path):
    RunStore(tmp_path).write("key", RECORD)
    assert RunStore(tmp_path).read("key") == json.loads(json.dumps(RECORD))
    assert RunStore(tmp_path).read("other") is None


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "edited": lambda path: path.write_text(path.read_text().replace("0.3", "0.9")),
    "empty": lambda path: path.write_text(""),
    "binary": lambda path: path.write_bytes(b"\xff\xfe\x00" + path.read_bytes()),
    "a list": lambda path: path.write_text("[1, 2]"),
    "without checksum": lambda path: path.write_text('{"rows": []}'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_a_run_is_noticed(tmp_path, damage):
    store = RunStore(tmp_path)
    store.write("key", RECORD)
    DAMAGES[damage](tmp_path / "runs" / "key.json")
    with pytest.warns(UserWarning, match="key.json is damaged"):
        assert store.read("key") is None


def test_a_damaged_run_is_made_again(micro, tmp_path):
    run = Run("majority", "cola", profile=micro)
    rows = measure(run, tmp_path)
    path = tmp_path / "runs" / f"{run.key}.json"
    DAMAGES["truncated"](path)
    with pytest.warns(UserWarning, match="damaged"):
        pd.testing.assert_frame_equal(measure(run, tmp_path), rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RunStore(tmp_path).read(run.key) is not None


def test_an_interrupted_write_leaves_no_run(tmp_path, monkeypatch):
    def interrupted(record, file, **options):
        file.write('{"rows": [')
        raise KeyboardInterrupt

    store = RunStore(tmp_path)
    monkeypatch.setattr(store_module.json, "dump", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write("key", RECORD)
    assert store.read("key") is None and not list((tmp_path / "runs").iterdir())


def make_checkpoint(calls, fail=False):
    def make(folder, work):
        calls.append(folder)
        (folder / "weights").write_text("1 2 3")
        if fail:
            raise KeyboardInterrupt
        return {"mlm_loss": 1.5}

    return make


def test_a_checkpoint_is_made_once(tmp_path):
    store, calls = RunStore(tmp_path), []
    first = store.checkpoint("key", make_checkpoint(calls))
    assert store.checkpoint("key", make_checkpoint(calls)) == first and len(calls) == 1
    assert (first[0] / "weights").read_text() == "1 2 3" and first[1]["mlm_loss"] == 1.5


def test_an_interrupted_checkpoint_is_made_again(tmp_path):
    store, calls = RunStore(tmp_path), []
    with pytest.raises(KeyboardInterrupt):
        store.checkpoint("key", make_checkpoint(calls, fail=True))
    assert not list((tmp_path / "checkpoints").iterdir())
    assert (store.checkpoint("key", make_checkpoint(calls))[0] / "weights").is_file() and len(
        calls
    ) == 2


def test_a_record_of_another_run_is_not_taken(tmp_path):
    store = RunStore(tmp_path)
    store.write("key", RECORD)
    shutil.copy(tmp_path / "runs" / "key.json", tmp_path / "runs" / "other.json")
    with pytest.warns(UserWarning, match="other.json is damaged"):
        assert store.read("other") is None
    assert store.read("key") == json.loads(json.dumps(RECORD))


def test_what_stands_in_the_place_of_a_run_or_a_checkpoint_makes_way(tmp_path):
    """A folder where a record belongs, and a file where a checkpoint does."""
    store, calls = RunStore(tmp_path), []
    (tmp_path / "runs" / "key.json").mkdir()
    (tmp_path / "checkpoints" / "key").write_text("no folder")
    with pytest.warns(UserWarning, match="damaged"):
        assert store.read("key") is None
    store.write("key", RECORD)
    assert store.read("key") == json.loads(json.dumps(RECORD))
    with pytest.warns(UserWarning, match="damaged"):
        store.checkpoint("key", make_checkpoint(calls))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.checkpoint("key", make_checkpoint(calls))[1]["mlm_loss"] == 1.5
    assert len(calls) == 1


def test_a_store_that_cannot_be_made_says_where_to_go(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot hold a run store.*copy the course"):
        RunStore(tmp_path / "file")


@pytest.mark.parametrize("number, kind", [(13, PermissionError), (30, OSError), (28, OSError)])
def test_a_store_that_may_only_be_read_gives_what_it_has(tmp_path, monkeypatch, number, kind):
    """Not permitted, a file system that is read-only, and a full one."""
    store = RunStore(tmp_path)
    store.write("key", RECORD)
    (tmp_path / "work" / "key.left.part").touch()

    def acquire(*arguments, **options):
        raise OSError(number, os.strerror(number), "key.lock")

    monkeypatch.setattr(store_module.FileLock, "acquire", acquire)
    store = RunStore(tmp_path)
    store.clean()
    assert store.read("key") == json.loads(json.dumps(RECORD))
    with pytest.raises(kind, match="cannot hold a run store.*key.lock.*copy the course"):
        with store.lock("other"):
            pass


@pytest.mark.parametrize(
    "name, content",
    [
        ("weights", "1 2 4"),
        ("weights", None),
        ("info.json", '{"mlm_'),
        ("info.json", "{}"),
        ("info.json", "1.5 for 1.6"),
    ],
)
def test_a_damaged_checkpoint_is_made_again(tmp_path, name, content):
    store, calls = RunStore(tmp_path), []
    folder, _ = store.checkpoint("key", make_checkpoint(calls))
    if content is None:
        (folder / name).unlink()
    elif " for " in content:  # one digit
        text, (new, old) = (folder / name).read_text(), content.split(" for ")
        assert new in text
        (folder / name).write_text(text.replace(new, old))
    else:
        (folder / name).write_text(content)
    with pytest.warns(UserWarning, match="damaged"):
        folder, info = store.checkpoint("key", make_checkpoint(calls))
    assert (
        (folder / "weights").read_text() == "1 2 3" and info["mlm_loss"] == 1.5 and len(calls) == 2
    )


# What a profile says


def test_the_papers_epochs_depend_on_the_sparsity():
    paper = profiles.get("paper").fine_tuning
    assert [paper.epochs_for("info_deletion", s) for s in (0, 0.6, 0.7, 0.9)] == [13, 13, 15, 15]
    assert [paper.epochs_for("prune_downstream", s) for s in (0.3, 0.7, 0.8, 0.9)] == [
        (3, 5),
        (3, 5),
        (3, 7),
        (3, 7),
    ]
    assert {
        paper.epochs_for(c, 0.9) for c in ("prune_pretrain", "random", "dense", "from_scratch")
    } == {3}


def test_the_papers_protocol_value_by_value():
    """Sec. 3.2 and the authors' code: what a reader can look up, and no other source than these."""
    p = profiles.get("paper")
    values, tuning = p.pretraining, p.fine_tuning
    assert (p.model, values.steps, values.ramp_steps, values.frequency) == (
        "google-bert/bert-base-uncased",
        100_000,
        10_000,
        10,
    )
    assert (
        values.batch,
        values.max_length,
        values.learning_rate,
        values.mlm_probability,
        values.warmup_steps,
    ) == (32, 128, 2e-5, 0.15, 10)
    assert (tuning.epochs, tuning.batch, p.learning_rates) == (3, 32, (2e-5, 3e-5, 4e-5, 5e-5))
    assert p.sparsities == tuple(n / 10 for n in range(10)) and set(p.tasks) == {
        "mnli",
        "qqp",
        "qnli",
        "sst2",
        "cola",
    }
    assert dict(values.options)["adam_epsilon"] == dict(tuning.options)["adam_epsilon"] == 1e-6
    assert tuning.train_rows is tuning.dev_rows is values.text_rows is None


def test_one_pruned_checkpoint_for_all_seeds(micro, tmp_path):
    store = RunStore(tmp_path)
    shared = micro.replace(pretraining={"seed": 5})
    sweep(
        [Run("prune_pretrain", "cola", 0.5, seed, profile=shared) for seed in (0, 1)],
        store,
        progress=False,
    )
    [folder] = (tmp_path / "checkpoints").iterdir()
    assert json.loads((folder / "info.json").read_text())["seed"] == 5


def test_options_of_the_trainer_reach_it(micro, tmp_path, monkeypatch):
    seen = []
    for name in ("train_mlm", "fine_tune"):
        original = getattr(experiment, name)
        monkeypatch.setattr(
            experiment,
            name,
            lambda *a, original=original, name=name, **k: (
                seen.append((name, k.get("adam_epsilon"), k.get("train_sampling_strategy")))
                or original(*a, **k)
            ),
        )
    profile = micro.replace(
        pretraining={"options": (("adam_epsilon", 1e-06),)},
        fine_tuning={"options": (("train_sampling_strategy", "group_by_length"),)},
    )
    assert Run("dense", "cola", profile=profile).key != Run("dense", "cola", profile=micro).key
    measure(Run("dense", "cola", profile=profile), RunStore(tmp_path))
    assert seen == [("train_mlm", 1e-6, None), ("fine_tune", None, "group_by_length")]


def test_burn_in_is_shared_whatever_comes_after(micro, tmp_path):
    store = RunStore(tmp_path)
    for steps in (3, 4):
        measure(
            Run(
                "dense",
                "cola",
                profile=micro.replace(pretraining={"burn_in_steps": 2, "steps": steps}),
            ),
            store,
        )
    names = [path.name for path in (tmp_path / "checkpoints").iterdir()]
    assert len([name for name in names if name.startswith("burn-in")]) == 1 and len(names) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_are_handed_over_one_by_one(micro, tmp_path, jobs):
    runs = plan(["majority", "dense"], (), ("cola", "sst2"), (0,), profile=micro)
    sweep(runs[:1], tmp_path, progress=False)
    seen = []
    rows = sweep(runs, tmp_path, jobs, progress=False, on_result=seen.append)
    assert len(seen) == 4 and all(
        len(result.groupby(["condition", "task", "seed"])) == 1 for result in seen
    )
    assert seen[0].condition.unique().tolist() == ["majority"] and seen[
        0
    ].task.unique().tolist() == ["cola"]  # the one that was there
    key = ["condition", "task", "metric"]
    assert (
        pd.concat(seen)
        .set_index(key)
        .value.sort_index()
        .equals(rows.set_index(key).value.sort_index())
    )


@pytest.mark.parametrize(
    "change, then, now",
    [
        ({"sparsity": 0.7}, "sparsity = 0.5", "0.7"),
        ({"end": 3}, "end = 2", "3"),
        ({"batch_size": 8}, "per_device_train_batch_size = 4", "8"),
        ({"learning_rate": 2e-3}, "learning_rate = 0.001", "0.002"),
        ({"steps": 9}, "max_steps = 6", "9"),
    ],
)
def test_resuming_with_other_values_is_refused(make, tokenizer, text, tmp_path, change, then, now):
    """The Trainer would go on from the old weights without a word."""
    values = {"sparsity": 0.5, "end": 2, "batch_size": 4, "learning_rate": 1e-3, "steps": 6}

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 5:
                raise KeyboardInterrupt

    def train(values, *callbacks):
        values = dict(values)
        pruning_callback = MagnitudePruning(values.pop("sparsity"), end=values.pop("end"))
        return train_mlm(
            make(BertForMaskedLM),
            tokenizer,
            text,
            **values,
            output_dir=tmp_path,
            checkpoint_every=4,
            pruning=pruning_callback,
            callbacks=callbacks,
        )

    with pytest.raises(KeyboardInterrupt):
        train(values, Stop())
    with pytest.raises(ValueError, match=f"{then}, now it is {now}"):
        train(values | change)
    assert train(values).state.global_step == 6


def test_a_checkpoint_that_is_there_needs_no_text_and_no_burn_in(micro, tmp_path):
    text = {"text": "nobody/nothing", "text_config": None, "burn_in_steps": 3}
    run = Run("prune_pretrain", "cola", 0.5, profile=micro.replace(pretraining=text))
    checkpoint, store = runs.checkpoint_of(run), RunStore(tmp_path)
    names = lambda: [task.name for task in experiment._tasks([run], tmp_path)]
    assert names() == [checkpoint.burn_in_key, checkpoint.key, run.key]
    (store.folder / "checkpoints" / checkpoint.key).mkdir(parents=True)
    assert names() == [checkpoint.key, run.key]
