"""``python -m helpers.lab`` and the environment variables; in this process where that tells as much."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import helpers
from helpers import profiles
from helpers.conditions import OF_THE_PAPER
from helpers.lab import experiment
from helpers.lab.__main__ import main
from helpers.lab.store import COLUMNS


def failure(capsys, *arguments):
    """The error message of a command that fails before it does anything."""
    with pytest.raises(SystemExit) as stopped:
        main([*arguments])
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--profile", "huge"], ["'huge'", *profiles.PROFILES]),
        (["--conditions", "dense", "prune"], ["'prune'", *OF_THE_PAPER]),
        (["--tasks", "imdb"], ["'imdb'", "cola", "sst2"]),
        (["--tasks", "mrpc"], ["'mrpc'", "cola", "sst2"]),
        (["--sparsities", "0.5", "1.0"], ["1.0", "[0, 1)"]),
        (["--sparsities", "60"], ["60.0", "pass 0.6"]),
        (["--sparsities", "half"], ["'half'", "--sparsities"]),
        (["--set", "stepz=4"], ["'stepz'", "ramp_steps"]),
        (["--set", "batch=4"], ["'batch'", "pretraining.batch", "fine_tuning.batch"]),
        (["--set", "fine_tuning.ramp_steps=4"], ["'fine_tuning.ramp_steps'", "train_rows"]),
        (["--set", "pretraining.steps=many"], ["'many'", "steps must be int"]),
    ],
)
def test_bad_values_are_named_with_the_valid_ones(capsys, tmp_path, arguments, named):
    message = failure(capsys, *arguments, "--out", str(tmp_path / "out"))
    assert all(text in message for text in named), message
    assert "Traceback" not in message and not list(tmp_path.glob("out/runs/*"))


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


def test_a_failed_run_loses_no_other(capsys, micro, tmp_path, monkeypatch):
    original = experiment._carry_out

    def carry_out(config, *more):
        if config.task == "sst2":
            raise OSError("no space left")
        return original(config, *more)

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


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--jobs", "0"], ["at least 1", "0"]),
        (["--checkpoints-only", "--jobs", "2"], ["--checkpoints-only", "leave out --jobs"]),
    ],
)
def test_options_that_do_not_fit(capsys, tmp_path, arguments, named):
    message = failure(capsys, *arguments, "--out", str(tmp_path))
    assert all(text in message for text in named) and not list(tmp_path.glob("runs/*"))


def test_from_a_shell(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.lab", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0 and all(
        option in done.stdout for option in ("--profile", "--sparsities", "--out", "info_deletion")
    )
    done = subprocess.run(
        [sys.executable, "-m", "helpers.lab", "--sparsities", "60"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2 and "pass 0.6" in done.stderr and "Traceback" not in done.stderr


def test_the_environment_is_read_in_one_place():
    files = Path(helpers.__file__).parent.glob("*.py")
    assert [
        file.name for file in files if "environ" in (text := file.read_text()) or "getenv" in text
    ] == ["profiles.py"]


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
            "epochs=3",
            "before_after_epochs=[[0, [3, 5]]]",
            "--out",
            str(tmp_path),
            "--dry-run",
        ]
    )
    # checkpoints: unpruned and two sparsities, for each seed; fine-tunings: (1 + 2) × 2 of 3 epochs, 2 × 2 of 3 + 5
    assert "12 runs, 0 of them done. To do: 6 checkpoints with 600 MLM steps" in (
        said := capsys.readouterr().out
    )
    assert "10 fine-tunings with 50 epochs in all" in said and not list(
        tmp_path.glob("checkpoints/*")
    )
