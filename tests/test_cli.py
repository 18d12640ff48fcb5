"""``python -m helpers.lab`` and the environment variables; mostly in this process: it is fast."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import helpers
from helpers import claims, pocket, profiles, reference, suit
from helpers import tasks as helpers_tasks
from helpers.conditions import CONDITIONS
from helpers.lab import estimate, experiment, results, workers
from helpers.lab.__main__ import main, report
from helpers.lab.experiment import Run, RunStore, measure
from helpers.lab.store import COLUMNS


def failure(capsys, *arguments):
    """The error message of a command that fails before it does anything."""
    with pytest.raises(SystemExit) as stopped:
        main([*arguments])
    assert stopped.value.code == 2
    return capsys.readouterr().err


# Each an invocation that can only be wrong, and what its error must name
WRONG = """
--profile                             | expected one argument
--profile huge                        | 'huge' tiny small paper
--conditions                          | --conditions
--conditions dense prune              | 'prune' prune_pretrain
--conditions Dense                    | 'Dense' dense
--tasks imdb                          | 'imdb' cola sst2
--tasks mrpc                          | 'mrpc' cola sst2
--tasks COLA                          | 'COLA' cola
--sparsities 60                       | --sparsities '60' 0.6
--sparsities 1                        | '1' [0,
--sparsities -0.1                     | -0.1 [0,
--sparsities nan                      | nan [0,
--sparsities inf                      | inf [0,
--sparsities half                     | 'half' --sparsities
--seeds -1                            | seed -1 0 to 2**32
--seeds 4294967296                    | seed 4294967296
--seeds 1.5                           | '1.5' --seeds
--seeds one                           | 'one' --seeds
--learning-rates inf                  | --learning-rates 'inf' above 0
--learning-rates nan                  | --learning-rates 'nan' above 0
--learning-rates -1                   | --learning-rates '-1' above 0
--learning-rates 0                    | --learning-rates '0' above 0
--learning-rates 1e300                | --learning-rates '1e300' at most 1
--learning-rates fast                 | 'fast' --learning-rates
--jobs 0                              | --jobs '0' at least 1
--jobs -2                             | --jobs '-2' at least 1
--jobs two                            | --jobs 'two'
--jobs 2 --ray auto                   | --jobs --cpus
--cpus -1                             | --cpus '-1'
--gpus nan                            | --gpus 'nan'
--gpus inf                            | --gpus 'inf'
--ray nowhere                         | 'nowhere' HOST:PORT
--ray 127.0.0.1:1                     | '127.0.0.1:1' ray start
--ray 127.0.0.1:x                     | 65535
--ray auto --gpus 1.5                 | --gpus '1.5' fraction
--cpus 2                              | --cpus 2 --ray
--checkpoints-only --jobs 2           | --checkpoints-only --jobs
--checkpoints-only --ray auto         | --checkpoints-only --ray
--range-test --learning-rates 0.1      | --range-test --learning-rates
--dry                                 | --dry
--task                                | --task expected
--task text=review                    | data=
--task nowhere.csv                    | nowhere.csv relative
--task color=red                      | 'color=red' FIELD=VALUE text
run nowhere.toml                      | nowhere.toml --help
--model no/such-model                 | no/such-model
--learning-rate 0.1                   | --learning-rate
--set steps                           | FIELD=VALUE 'steps'
--set =4                              | no field ''
--set stepz=4                         | 'stepz' ramp_steps
--set batch=4                         | 'batch' pretraining.batch fine_tuning.batch
--set mlm_steps=4                     | 'mlm_steps' steps
--set fine_tuning.ramp_steps=4        | 'fine_tuning.ramp_steps'
--set a.b.steps=4                     | 'a.b.steps'
--set seeds=[1]                       | 'seeds'
--set pretraining.steps=many          | 'many' steps int
--set pretraining.steps=true          | True steps int
--set pretraining.steps=1.5           | 1.5 steps int
--set pretraining.steps=              | steps int
--set pretraining.steps=-1            | pretraining.steps at least 1 -1
--set pretraining.steps=0             | pretraining.steps at least 1
--set pretraining.steps=100           | ramp_steps 100 of 100
--set ramp_steps=200                  | ramp_steps 200 of 200
--set ramp_steps=-1                   | pretraining.ramp_steps at least 0
--set burn_in_steps=-1                | pretraining.burn_in_steps at least 0
--set frequency=0                     | pretraining.frequency at least 1
--set pretraining.batch=0             | pretraining.batch at least 1
--set fine_tuning.batch=-8            | fine_tuning.batch at least 1
--set mlm_probability=2               | pretraining.mlm_probability between 0 and 1
--set mlm_probability=0               | pretraining.mlm_probability between 0 and 1
--set mlm_probability=NaN             | pretraining.mlm_probability nan
--set comment_probability=1.0         | pretraining.comment_probability between 0 and 1
--set comment_weight=0                | pretraining.comment_weight above 0
--set pretraining.learning_rate=-1    | pretraining.learning_rate above 0
--set pretraining.learning_rate=Infinity | pretraining.learning_rate inf
--set warmup_steps=-1                 | pretraining.warmup_steps at least 0
--set pretraining.max_length=0        | pretraining.max_length at least 3
--set fine_tuning.max_length=2        | fine_tuning.max_length at least 3
--set text_rows=0                     | pretraining.text_rows at least 1 None
--set text_streaming=1                | text_streaming bool
--set pretraining.seed=-1             | pretraining.seed 2**32
--set pretraining.seed=true           | True seed
--set model=                          | pretraining.model not empty
--set glue=                           | fine_tuning.glue not empty
--set text=[]                         | text hub id
--set text=[["a"]]                    | text hub id
--set text=[["a",null,-1]]            | share of a -1
--set text=[["a",null,"b"]]           | share of a 'b'
--set text=[[1,null]]                 | pretraining.text 1
--set train_rows=0                    | fine_tuning.train_rows at least 1
--set dev_rows=-5                     | fine_tuning.dev_rows at least 1
--set epochs=0                        | fine_tuning.epochs at least 1
--set epochs=-1                       | fine_tuning.epochs at least 1
--set epochs=0.5                      | epochs int 0.5
--set deletion_epochs=[]              | fine_tuning.deletion_epochs pairs
--set deletion_epochs=6               | deletion_epochs tuple 6
--set deletion_epochs=[[0.5,6]]       | fine_tuning.deletion_epochs first for 0
--set deletion_epochs=[[0,0]]         | fine_tuning.deletion_epochs at least 1
--set deletion_epochs=[[0,4],[70,8]]  | fine_tuning.deletion_epochs 70
--set deletion_epochs=[[0,6],[0.9,7],[0.5,8]] | fine_tuning.deletion_epochs rising
--set before_after_epochs=[[0,6]]     | fine_tuning.before_after_epochs before after
--set before_after_epochs=[[0,[6,0]]] | fine_tuning.before_after_epochs before after
--set checkpoint_every=0              | checkpoint_every at least 1
--set checkpoint_every=-5             | checkpoint_every at least 1
--set pretraining.options=[1]         | pretraining.options pairs
--set text=no/such-text               | no/such-text HUB_MIRROR
--set fine_tuning.options={"optim":"adam"}          | optim 'adam' adamw_torch
--set fine_tuning.options={"lr_scheduler_type":"x"} | lr_scheduler_type 'x' cosine
--set fine_tuning.options={"weight_decay":-1}       | weight_decay -1 at least 0
--set fine_tuning.options={"adam_beta1":1}          | adam_beta1 below 1
--set fine_tuning.options={"gradient_accumulation_steps":0} | at least 1
--set fine_tuning.options={"lr_scheduler_kwargs":{"a":1}}   | lr_scheduler_kwargs text of JSON
--set fine_tuning.options={"epochz":1}              | 'epochz' TrainingArguments
--set fine_tuning.options={"learning_rate":1}       | 'learning_rate' decides
--set fine_tuning.options={"max_steps":1}           | 'max_steps' decides
--set pretraining.options={"num_train_epochs":1}    | 'num_train_epochs' decides
--set pretraining.options={"seed":1}                | 'seed' decides
--set pretraining.options={"save_steps":1}          | 'save_steps' checkpoint_every
--set pretraining.options={"bf16":"yes"}            | bf16 'yes' True
--set pretraining.options={"weight_decay":"much"}   | weight_decay 'much' number
--set pretraining.options={"adam_epsilon":NaN}      | adam_epsilon nan
--set pretraining.options={"max_grad_norm":true}    | max_grad_norm True number
--set model=no/such-model                           | no/such-model
--set glue=no/such-data                             | no/such-data
"""
WRONG = [line.split(" | ") for line in WRONG.strip().splitlines()]


@pytest.mark.parametrize("arguments, named", WRONG, ids=[w[0].strip() for w in WRONG])
def test_no_wrong_invocation_ends_in_a_traceback_or_does_any_work(
    capsys, tmp_path, monkeypatch, arguments, named
):
    if arguments.strip() == "--ray 127.0.0.1:1":
        pytest.importorskip("ray", reason="only Ray can look for a cluster")
    monkeypatch.setattr(workers, "PATIENCE", 1.0)
    never = lambda *values, **options: pytest.fail("work was begun")
    monkeypatch.setattr(experiment, "carry_out", never)
    message = failure(capsys, *arguments.split(), "--out", str(tmp_path / "out"))
    assert all(name in message for name in named.split()), message
    assert "Traceback" not in message and len(message.strip().splitlines()[-1]) < 700
    assert not list(tmp_path.glob("out/*/*"))


def test_unknown_profile_in_the_environment(capsys, monkeypatch):
    monkeypatch.setenv("PRUNING_PROFILE", "huge")
    message = failure(capsys)
    assert all(text in message for text in ["'huge'", *profiles.PROFILES, "PRUNING_PROFILE"])


def test_missing_mirror(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path / "nowhere"))
    message = failure(capsys, "--profile", "small", "--out", str(tmp_path / "out"))
    assert "nowhere" in message and "HUB_MIRROR" in message


def test_an_out_that_cannot_be_a_folder(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in failure(capsys, "--out", str(tmp_path / "file"))


def test_a_run_from_the_command_line(capsys, micro, tmp_path):
    names = {
        "pretraining": ("steps", "ramp_steps", "batch", "text_rows"),
        "fine_tuning": ("train_rows", "dev_rows", "epochs", "before_after_epochs"),
    }
    small = [
        f"{part}.{name}={json.dumps(getattr(getattr(micro, part), name))}"
        for part in names
        for name in names[part]
    ]
    main(
        [
            "--profile",
            "tiny",
            "--conditions",
            "prune_pretrain",
            "dense",
            "--sparsities",
            "0.5",
            "--tasks",
            "cola",
            "sst2",
            "--seeds",
            "3",
            "--learning-rates",
            "0.002",
            "--set",
            f"model={micro.model}",
            *small,
            "--out",
            str(tmp_path),
        ]
    )
    printed = capsys.readouterr().out
    rows = pd.read_csv(tmp_path / "results.csv")
    assert list(rows.columns) == COLUMNS
    assert set(zip(rows.condition, rows.sparsity, rows.task)) == {
        (condition, sparsity, task)
        for condition, sparsity in (("prune_pretrain", 0.5), ("dense", 0))
        for task in ("cola", "sst2")
    }
    assert set(rows.seed) == {3} and set(rows.learning_rate) == {0.002}
    shown = rows[
        (rows.metric == "accuracy") & (rows.condition == "dense") & (rows.task == "cola")
    ].value.item()
    assert (
        "prune_pretrain" in printed
        and f"{100 * shown:.1f}" in printed
        and str(tmp_path / "results.csv") in printed
    )
    assert f"judge {tmp_path} --figure curves.png" in printed


def test_a_failed_run_loses_no_other(capsys, micro, tmp_path, monkeypatch):
    original = experiment._carry_out

    def carry_out(run, *more):
        if run.task == "sst2":
            raise OSError("no space left")
        return original(run, *more)

    monkeypatch.setattr(experiment, "_carry_out", carry_out)
    command = [
        "--profile",
        "tiny",
        "--conditions",
        "majority",
        "--tasks",
        "cola",
        "sst2",
        "qqp",
        "--seeds",
        "0",
        "--set",
        "train_rows=32",
        "dev_rows=32",
        "--out",
        str(tmp_path),
    ]
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 1
    assert set(pd.read_csv(tmp_path / "results.csv").task) == {"cola", "qqp"}
    message = capsys.readouterr().err
    assert (
        "1 of 3 tasks failed" in message
        and "majority-0-sst2-0" in message
        and "OSError: no space left" in message
    )
    monkeypatch.undo()
    main(command)
    assert set(pd.read_csv(tmp_path / "results.csv").task) == {"cola", "qqp", "sst2"}


def test_from_a_shell(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.lab", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    commands = ("run", "plan", "judge", "export", "tasks", "conditions")
    assert done.returncode == 0 and all(f"    {name}" in done.stdout for name in commands)
    done = subprocess.run(
        [sys.executable, "-m", "helpers.lab", "--sparsities", "60"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2 and "0.6 for 60%" in done.stderr and "Traceback" not in done.stderr


def test_the_environment_is_read_in_one_place():
    """The machine's in machine, the course's own in profiles, Ray's by workers, pages' by page."""
    root = Path(helpers.__file__).parent
    readers = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.py"))
        if re.search(r"\b(environ|getenv)\b", path.read_text(encoding="utf-8"))
    ]
    assert readers == ["lab/workers.py", "lesson/page.py", "machine.py", "profiles.py"]
    workers = (root / "lab/workers.py").read_text(encoding="utf-8")
    assert re.findall(r"environ\S*", workers) == ['environ.get("RAY_ADDRESS")']


def test_a_dry_run_tells_the_work_and_does_none(tmp_path, capsys):
    main(
        [
            "--profile",
            "tiny",
            "--conditions",
            "majority",
            "dense",
            "prune_pretrain",
            "prune_downstream",
            "--sparsities",
            "0.5",
            "0.9",
            "--tasks",
            "cola",
            "--seeds",
            "0",
            "1",
            "--set",
            "pretraining.steps=100",
            "ramp_steps=40",
            "epochs=3",
            "before_after_epochs=[[0, [3, 5]]]",
            "--out",
            str(tmp_path),
            "--dry-run",
        ]
    )
    # checkpoints: unpruned and two sparsities, for each seed;
    # fine-tunings: (1 + 2) × 2 of 3 epochs, 2 × 2 of 3 + 5
    assert "12 runs, 0 of them done. To do: 6 checkpoints with 600 MLM steps" in (
        said := capsys.readouterr().out
    )
    assert "10 fine-tunings with 50 epochs in all" in said and not list(
        tmp_path.glob("checkpoints/*")
    )


def test_the_table_comes_before_a_file_that_cannot_be_written(capsys, micro, tmp_path, monkeypatch):
    """A full disk at the end, or a finished store that may only be read."""

    def full(self, name, text):
        raise OSError(28, "No space left on device")

    command = "--profile tiny --conditions majority --tasks cola --seeds 0 --set train_rows=32"
    monkeypatch.setattr(RunStore, "publish", full)
    with pytest.raises(SystemExit) as stopped:
        main([*command.split(), "dev_rows=32", "--out", str(tmp_path)])
    said = capsys.readouterr()
    assert stopped.value.code == 2 and "majority" in said.out and "accuracy in %" in said.out
    assert "No space left" in said.err and "results.csv" in said.err


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"commands": ["an earlier one"]}'])
def test_a_damaged_summary_is_written_anew(micro, tmp_path, content):
    run = Run("majority", "cola", profile=micro)
    measure(run, tmp_path)
    (tmp_path / "results.json").write_text(content)
    (tmp_path / "checkpoints" / "broken").mkdir()
    (tmp_path / "checkpoints" / "broken" / "info.json").write_text("{")
    report([run], RunStore(tmp_path), micro)
    summary = json.loads((tmp_path / "results.json").read_text())
    assert summary["runs"] == 1 and len(summary["commands"]) == 1 + ("earlier" in content)


# Commands


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_help_of_a_sweep_explains_conditions_defaults_and_the_file(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert stopped.value.code == 0
    for part in ("--sparsities", "info_deletion", "default: runs", "[task.reviews]", "--task"):
        assert part in said, part


def test_the_lists_name_every_task_and_every_condition(capsys):
    main(["tasks"])
    said = capsys.readouterr().out
    assert all(f"{name} " in said for name in helpers_tasks.GLUE) and "pearson, spearmanr" in said
    main(["conditions"])
    said = capsys.readouterr().out
    assert all(f"{c.name} " in said and c.words in said for c in CONDITIONS.values())


def reviews(tmp_path):
    texts = [" ".join(passage) for passage in pocket.passages(60, seed="cli")]
    table = pd.DataFrame({"review": texts, "stars": ["good", "good", "bad"] * 20})
    table.to_csv(tmp_path / "reviews.csv", index=False)
    return tmp_path / "reviews.csv"


def test_the_command_tasks_looks_at_data_of_ones_own(capsys, tmp_path):
    main(["tasks", str(reviews(tmp_path)), "text=review", "label=stars"])
    said = capsys.readouterr().out
    assert "54 rows" in said and "0 = bad (33.3%), 1 = good (66.7%)" in said


SWEEP = """
profile = "tiny"
conditions = ["majority"]
seeds = [3, 4]
out = "{out}"

[fine_tuning]
train_rows = 30
dev_rows = "null"

[task.mine]
data = "{data}"
text = "review"
label = "stars"
"""


def test_a_sweep_from_a_file_with_flags_on_top(capsys, tmp_path):
    file, out = tmp_path / "sweep.toml", tmp_path / "out"
    file.write_text(SWEEP.format(out=out.as_posix(), data=reviews(tmp_path).as_posix()))
    main(["run", str(file), "--seeds", "5", "--set", "train_rows=20"])
    rows = pd.read_csv(out / "results.csv")
    assert set(rows.seed) == {5} and set(rows.task) == {"mine"}
    assert (out / "sweep.toml").read_text() == file.read_text()
    summary = json.loads((out / "results.json").read_text())
    assert summary["train_rows"] == 20 and summary["dev_rows"] == 6
    assert summary["profile"]["own_tasks"][0]["name"] == "mine"


@pytest.mark.parametrize(
    "text, named",
    [
        ("colour = 1", "unknown key 'colour' sparsities [pretraining] [task.NAME]"),
        ("profile = ", "no TOML"),
        ("\0", "no TOML"),
        ("a = " + "[" * 5000, "no TOML"),
        ("dry_run = 3", "dry_run must be true or false 3"),
        ("seeds = true", "seeds cannot be true or false"),
        ("seeds = []", "--seeds at least one"),
        ("jobs = [1, 2]", "unrecognized 2"),
        ("ray = 3", "--ray '3' HOST:PORT"),
        ("out = ''", "not empty --out"),
        ("task = 3", "'task' [task.NAME]"),
        ("[pretraining]\nsteps = 2020-01-01", "steps 2020-01-01 int"),
        ("[fine_tuning]\nstepz = 3", "no field 'fine_tuning.stepz'"),
        ("[task.mine]\ncolour = 1", "FIELD=VALUE 'colour=1'"),
        ("sparsities = [60]", "'60' 0.6"),
    ],
)
def test_a_file_that_is_wrong_is_an_error_that_says_where(capsys, tmp_path, text, named):
    (tmp_path / "sweep.toml").write_text(text)
    message = failure(capsys, "run", str(tmp_path / "sweep.toml"), "--out", str(tmp_path / "out"))
    assert all(name in message for name in named.split()), message


def test_any_results_are_judged_beside_each_other(capsys, tmp_path):
    theirs = reference.rows("minilm").assign(model="theirs")
    theirs.to_csv(tmp_path / "their.csv", index=False)
    figure = tmp_path / "curves.png"
    main(["judge", f"colleague={tmp_path / 'their.csv'}", "--claims", "1", "--figure", str(figure)])
    said = " ".join(capsys.readouterr().out.split())
    assert "stars are colleague, thin lines the course's" in said
    expected = claims.judge(theirs, [1])[1]
    assert f"colleague: {claims.MARKS[expected.verdict]} {expected.verdict}." in said
    assert "2." not in said.split("Claims 7")[0].split("Rule")[0] and figure.stat().st_size > 10_000


@pytest.mark.parametrize(
    "change, named",
    [
        ({"value": "high"}, "row 0: value is 'high'; it must be a finite number"),
        ({"sparsity": 60}, "row 0: sparsity is 60; .*so 0.6 for 60%"),
        ({"seed": 0}, "this result stands there twice"),
        ({"value": None}, "row 0: value is"),
        ({"metric": "acc"}, "row 0: metric is 'acc'; it must be one of .*accuracy"),
        ({"condition": "prune"}, "row 0: condition is 'prune'; it must be one of prune_pretrain"),
        ({"model": None}, "row 0: model is"),
    ],
)
def test_results_that_are_wrong_are_named(tmp_path, change, named):
    rows = reference.rows("minilm").assign(**change)
    with pytest.raises(ValueError, match=named):
        results.read(rows)
    with pytest.raises(ValueError, match="no column seed; a table of results has"):
        results.read(rows.drop(columns="seed"))
    with pytest.raises(FileNotFoundError, match="there is no .*nowhere"):
        results.read(tmp_path / "nowhere")


def test_a_store_with_two_settings_is_two_sources(micro, tmp_path):
    for profile in (micro, micro.replace(fine_tuning={"train_rows": 16})):
        measure(Run("majority", "cola", profile=profile), tmp_path)
    found = results.read(tmp_path)
    assert sorted(found) == [f"{micro.model} (train_rows={n})" for n in (16, 32)]
    assert all(set(rows.task) == {"cola"} for rows in found.values())
    assert [rows.attrs["fine_tuning"]["train_rows"] for rows in found.values()] in (
        [16, 32],
        [32, 16],
    )


def test_settings_of_one_name_in_both_parts_are_told_apart(micro, tmp_path):
    for batch in (4, 8):
        profile = micro.replace(pretraining={"batch": batch})
        measure(Run("majority", "cola", profile=profile), tmp_path)
    names = [f"{micro.model} (pretraining.batch={batch})" for batch in (4, 8)]
    assert sorted(results.read(tmp_path)) == names
    rows = results.rows_like(Run("majority", "cola", profile=profile), RunStore(tmp_path))
    assert len(rows) and not rows.duplicated(results.CELL).any()


# Values that suit a model


def test_values_for_another_model_follow_the_rule_and_say_why(micro):
    profile = profiles.get("small").replace(pretraining={"model": micro.model})
    with pytest.warns(UserWarning, match="made for google/bert_uncased.*are used for"):
        suit.warn_outside(profile)
    new, reasons = suit.suited(profile)
    assert new.learning_rates == (suit.MOST,)  # 16 wide
    assert new.pretraining.learning_rate * new.pretraining.steps == pytest.approx(5e-4 * 2000)
    assert new.pretraining.ramp_steps / new.pretraining.steps == pytest.approx(1 / 4)
    assert len(reasons) == 3 and "16 wide" in reasons[0]
    kept, reasons = suit.suited(profile, keep={"learning_rates", "learning_rate", "steps"})
    assert kept == profile and not reasons
    assert suit.suited(profiles.get("tiny")) == (profiles.get("tiny"), [])
    own = profile.replace(pretraining={"learning_rate": new.pretraining.learning_rate})
    same, _ = suit.suited(own, keep={"learning_rate"})
    assert same.pretraining == new.pretraining  # the rule's own rate, written out


def test_a_family_that_is_not_supported_is_named(tmp_path):
    from transformers import GPT2Config

    GPT2Config().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="gpt2"):
        suit.suited(profiles.get("tiny").replace(pretraining={"model": str(tmp_path)}))


def test_a_checkpoint_without_an_mlm_head_is_burned_in(micro, tmp_path, make):
    from transformers import BertModel

    make(BertModel).save_pretrained(tmp_path)
    assert suit.has_mlm_head(str(tmp_path)) is False and suit.has_mlm_head(micro.model) is True
    new, reasons = suit.suited(profiles.get("tiny").replace(pretraining={"model": str(tmp_path)}))
    assert new.pretraining.burn_in_steps == suit.NEW_HEAD and "no MLM head" in reasons[-1]


# How long it takes


def test_hours_are_the_arithmetic_of_what_was_measured(micro, tmp_path):
    store = RunStore(tmp_path)
    planned = experiment.plan(
        ["majority", "dense", "prune_pretrain"], [0.5], ["cola"], [0], profile=micro
    )
    costs = estimate.Costs(10.0, {"cola": 1.0}, {"cola": 0.5}, {"cola": (32, 64)}, 1, 1, 1)
    mlm = 2 * (4 + estimate.HELD_OUT / 16 / estimate.BACKWARD) * 10  # dense and pruned, 4 steps
    assert estimate.seconds_of(planned, costs, store) == pytest.approx(2 * (1 + 64 / 2) + mlm)
    lottery = Run("lottery", "cola", 0.5, profile=micro)
    assert estimate.epochs_of(lottery) == 5  # four rounds and the last training, of one epoch


def test_a_plan_says_hours_memory_disk_and_what_decides_which_claim(capsys, micro, tmp_path):
    planned = experiment.plan(
        ["dense", "prune_pretrain", "info_deletion"], [0.4, 0.7], ["cola"], [0, 1], profile=micro
    )
    said = "\n".join(estimate.tell_costs(planned, RunStore(tmp_path)))
    assert "All 10 runs: about" in said and "of memory" in said and "are free in" in said
    assert "the first seed alone: 5 runs" in said and "claim 1 needs: 4 runs" in said
    assert "claim 3 needs: 4 runs" in said and "nan" not in said
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_plan_of_many_steps_says_how_to_look_first(micro, tmp_path, monkeypatch):
    planned = experiment.plan(["dense"], [], ["cola"], [0], profile=micro)
    store = RunStore(tmp_path)
    costs = estimate.Costs(2.0, {"cola": 1.0}, {"cola": 0.5}, {"cola": (32, 64)}, 1, 1, 1)
    monkeypatch.setattr(estimate, "measure_costs", lambda *arguments: costs)
    said = "\n".join(estimate.tell_costs(planned, store))
    assert "a step of MLM training takes 2,000 ms, a step of fine-tuning 1,000 ms on CoLA" in said
    assert "--set" not in said  # it has but four steps
    monkeypatch.setattr(estimate, "LOOK", 2)
    said = "\n".join(estimate.tell_costs(planned, store))
    heldout = estimate.HELD_OUT / 16 / estimate.BACKWARD
    share = (4 + heldout) * 2 / ((4 + heldout) * 2 + 1 + 32)
    assert f"{share:.0%} of that is MLM training" in said
    assert "--set steps=2 ramp_steps=1 burn_in_steps=2, about" in said


def test_the_range_test_takes_a_rate_of_those_that_it_tried(micro, monkeypatch):
    def losses(lowest):
        """A training whose loss is lowest at this step."""

        def train(*arguments, callbacks, **options):
            callbacks[0].losses = [abs(step - lowest) for step in range(estimate.TESTED)]

        return train

    monkeypatch.setattr(estimate, "fine_tune", losses(30))
    rate, said = estimate.range_test(micro, "cola")
    # smoothing looks back, so the lowest smoothed loss comes later than the lowest loss
    assert 1e-4 / 3 < rate < estimate.HIGHEST / 3 and f"{rate:g}, is taken" in said
    monkeypatch.setattr(estimate, "fine_tune", losses(estimate.TESTED))
    rate, said = estimate.range_test(micro, "cola")
    assert rate == micro.learning_rates[0] and f"finds no limit, and {rate:g} is kept" in said


def test_the_range_test_trains(micro):
    rate, said = estimate.range_test(micro, "cola")
    assert rate in micro.learning_rates or estimate.LOWEST / 4 < rate <= estimate.HIGHEST / 2
    assert f"in {estimate.TESTED} steps" in said
    assert estimate.range_test(micro, "cola") == (rate, said)
