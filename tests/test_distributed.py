"""One training by two processes (gloo, on the CPU) is that of one, and only the first writes."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from helpers import profiles, training
from helpers.lab import __main__ as cli
from helpers.lab import experiment
from helpers.lab.runs import plan

VALUES = {
    "steps": 12,
    "ramp_steps": 8,
    "frequency": 4,
    "batch": 16,
    "text_rows": 100,
    "learning_rate": 1e-3,
}
EVERY = 5
# What each process runs: the command, while it notes its masks, its batches and what it writes
SCRIPT = """
import json, os, sys
from pathlib import Path
from accelerate import Accelerator
from safetensors.torch import save_file
from helpers import training
from helpers.lab import __main__ as cli

folder, rank = Path(sys.argv.pop(1)), os.environ["RANK"]
pruned, batches, norms = [], [], []

def end(self, *arguments, **options):
    original_end(self, *arguments, **options)
    pruned.append({name: mask.contiguous() for name, mask in self.masks.items()})
    save_file(pruned[-1], folder / f"masks-{len(pruned)}-of-{rank}")

def loss(self, model, inputs, *arguments, **options):
    batches.append(inputs["input_ids"].shape[0])
    return original_loss(self, model, inputs, *arguments, **options)

def clip(self, *arguments, **options):
    norms.append(float(norm := original_clip(self, *arguments, **options)))
    return norm

original_clip, Accelerator.clip_grad_norm_ = Accelerator.clip_grad_norm_, clip
original_end, training.MagnitudePruning.on_train_end = training.MagnitudePruning.on_train_end, end
original_loss, training.MLMTrainer.compute_loss = training.MLMTrainer.compute_loss, loss
writes = []

def hook(event, what):
    if event == "open" and str(what[1])[:1] in "wax" and "store" in str(what[0]):
        writes.append(str(what[0]))

sys.addaudithook(hook)
cli.main()
notes = {"batches": batches, "writes": writes, "norms": norms}
(folder / f"notes-of-{rank}").write_text(json.dumps(notes))
"""


def launch(count, *command):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={count}",
            *command,
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def model(pocket_checkpoint, tmp_path_factory):
    """Without dropout, whose random numbers are each process's own."""
    folder = shutil.copytree(pocket_checkpoint, tmp_path_factory.mktemp("model") / "pocket")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    )
    return folder


@pytest.fixture(scope="module")
def command(model):
    settings = [
        f"checkpoint_every={EVERY}",
        *(f"pretraining.{name}={json.dumps(value)}" for name, value in VALUES.items()),
    ]
    return [
        "--profile",
        "tiny",
        "--conditions",
        "prune_pretrain",
        "random",
        "--sparsities",
        "0.5",
        "--tasks",
        "cola",
        "--seeds",
        "0",
        "--set",
        f"model={model}",
        *settings,
    ]


@pytest.fixture(scope="module")
def two(command, tmp_path_factory):
    """The folder with the store and the notes of two processes."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(SCRIPT)
    code, printed = launch(
        2, folder / "script.py", folder, *command, "--out", folder / "store", "--checkpoints-only"
    )
    assert code == 0, printed
    return folder


@pytest.fixture(scope="module")
def one(command, tmp_path_factory):
    folder, norms, clip = tmp_path_factory.mktemp("one"), [], Accelerator.clip_grad_norm_

    def noted(*arguments, **options):
        norms.append(float(norm := clip(*arguments, **options)))
        return norm

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Accelerator, "clip_grad_norm_", noted)
        cli.main([*command, "--out", str(folder / "store"), "--checkpoints-only"])
    (folder / "notes").write_text(json.dumps({"norms": norms}))
    return folder


def checkpoints(folder):
    return {path.name: path for path in (folder / "store" / "checkpoints").iterdir()}


def test_each_process_takes_its_half_of_each_batch(two):
    for rank in (0, 1):  # 100 lines: six batches of 16 and one of 4; two trainings
        assert json.loads((two / f"notes-of-{rank}").read_text())["batches"] == 2 * [
            8,
            8,
            8,
            8,
            8,
            8,
            2,
            8,
            8,
            8,
            8,
            8,
        ]


def test_masks_are_the_same_in_all_processes(two):
    for training_number in (1, 2):
        first, second = (load_file(two / f"masks-{training_number}-of-{rank}") for rank in (0, 1))
        assert first.keys() == second.keys() and all(
            torch.equal(first[name], second[name]) for name in first
        )
        assert sum(int((~mask).sum()) for mask in first.values()) > 1000


def test_gradients_are_those_of_the_whole_batch(one, two):
    """Before they are clipped: afterwards, and with Adam, a gradient looks like twice that."""
    norms = json.loads((one / "notes").read_text())["norms"]
    assert len(norms) == 24 and min(norms) > 0.1
    for rank in (0, 1):
        assert json.loads((two / f"notes-of-{rank}").read_text())["norms"] == pytest.approx(
            norms, rel=1e-4
        )


def test_two_processes_give_what_one_gives(one, two, model):
    """Within rounding; but for the keys' biases, whose gradient is nothing but rounding.

    Attention does not depend on them.
    """
    assert len(checkpoints(one)) == 2 and checkpoints(one).keys() == checkpoints(two).keys()
    for name, folder in checkpoints(one).items():
        ours, theirs = (
            load_file(path / "model.safetensors") for path in (folder, checkpoints(two)[name])
        )
        start = load_file(model / "model.safetensors")
        for weight in ours:
            if not weight.endswith("key.bias"):
                assert torch.allclose(ours[weight], theirs[weight], rtol=0, atol=2e-5), (
                    name,
                    weight,
                )
        query = "bert.encoder.layer.0.attention.self.query.weight"
        assert (
            ours[query] - start[query]
        ).abs().max() > 2e-3  # a hundred times what is tolerated: it did learn
        masks = [load_file(path / "masks.safetensors") for path in (folder, checkpoints(two)[name])]
        assert all(torch.equal(masks[0][weight], masks[1][weight]) for weight in masks[0])
        losses = [
            json.loads((path / "info.json").read_text())["mlm_loss"]
            for path in (folder, checkpoints(two)[name])
        ]
        assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_only_the_first_process_writes_to_the_store(two):
    first, second = (
        json.loads((two / f"notes-of-{rank}").read_text())["writes"] for rank in (0, 1)
    )
    assert any(path.endswith("info.json") for path in first)
    assert [
        path
        for path in second
        if "/checkpoints/" in path or "/runs/" in path or ".part" in path or path.endswith(".lock")
    ] == []


def test_the_same_command_then_fine_tunes_what_they_made(two, command, model, monkeypatch):
    monkeypatch.setattr(
        experiment, "train_mlm", lambda *arguments, **options: pytest.fail("trained again")
    )
    profile = profiles.get("tiny").replace(
        checkpoint_every=EVERY,
        pretraining=VALUES | {"model": str(model)},
        fine_tuning={"train_rows": 32, "dev_rows": 32, "epochs": 1},
    )
    rows = experiment.sweep(
        plan(["prune_pretrain", "random"], (0.5,), ("cola",), (0,), profile=profile),
        two / "store",
        progress=False,
    )
    losses = {
        json.loads((path / "info.json").read_text())["mlm_loss"]
        for path in checkpoints(two).values()
    }
    assert set(rows[rows.metric == "mlm_loss"].value) == losses


def test_whole_runs_are_not_for_several_processes(command, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command, "--out", str(tmp_path)])
    assert stopped.value.code == 2 and "--checkpoints-only" in capsys.readouterr().err


def test_batches_that_cannot_be_divided(make, tokenizer, text, monkeypatch, tmp_path):
    from transformers import BertForMaskedLM

    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="batches of 16 cannot be divided among 3 processes"):
        training.train_mlm(
            make(BertForMaskedLM),
            tokenizer,
            text,
            steps=1,
            batch_size=16,
            learning_rate=1e-3,
            output_dir=tmp_path,
        )
