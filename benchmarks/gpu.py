"""What a GPU adds, in one call of nine minutes: ``python benchmarks/gpu.py --out build/gpu``.

In this order: how many steps a second the paper's profile makes (for docs/scaling.md), what half
precision and the 2:4 pattern gain (for notebook 08), then sweeps of MiniLM-L6, the claims' own
sparsities first. When the time is up, whatever is finished stays in the folder, and the same call
goes on from there. ``--quick`` tries every part at a tiny size, on a CPU too.
"""

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification

from helpers import data, machine, profiles, training
from helpers.cost import speed
from helpers.lab.store import RunStore

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
TF32 = ["tf32", True]  # matrix products of a GPU in 19 bits, everything else in fp32
OPTIONS = {
    "pretraining": [TF32, ["dataloader_num_workers", 1]],
    "fine_tuning": [TF32, ["train_sampling_strategy", "group_by_length"]],
}
MINILM = [
    *["--profile", "small", "--learning-rates", "6e-5", "--set"],
    *["model=sentence-transformers/all-MiniLM-L6-v2", "burn_in_steps=2500"],
    *["pretraining.steps=1000", "ramp_steps=400", "pretraining.learning_rate=2e-4"],
    *[f"{part}.options={json.dumps(options)}" for part, options in OPTIONS.items()],
    *["train_rows=8000", "dev_rows=null", "epochs=4", "deletion_epochs=[[0,4]]"],
    *["before_after_epochs=[[0,[2,2]]]", "checkpoint_every=null"],
]
SMALLEST = ["--profile", "tiny", "--set", "pretraining.steps=4", "ramp_steps=2", "train_rows=64"]
TASKS = "cola sst2 mrpc"
SWEEPS = [
    ("from_scratch majority dense prune_pretrain info_deletion", "0.8 0.4 0.5"),
    ("prune_downstream", "0.8 0.5"),
    ("prune_pretrain info_deletion", "0.6 0.7 0.3 0.9"),
    ("prune_downstream random", "0.7 0.5"),
]


def steps_a_second(quick):
    """Steps a second of MLM training and of fine-tuning, of the paper profile's shape and batch.

    The difference of a long and a short training, so that starting up does not count.
    """
    values = profiles.get("paper").pretraining
    length, batch = (16, 8) if quick else (values.max_length, values.batch)
    short, long = (2, 42) if quick else (20, 220)
    config = BertConfig(**TINY if quick else {})
    rng = np.random.default_rng(0)
    tokenizer = data.load_tokenizer("pocket")  # real words make no difference to the time
    common = {"batch_size": batch, "learning_rate": 2e-5, "bf16": not quick}

    def seconds(kind, steps):
        ids = rng.integers(5, len(tokenizer), (batch * steps, length)).tolist()
        with tempfile.TemporaryDirectory() as folder:
            common["output_dir"] = folder
            if kind == "fine-tuning":
                rows = Dataset.from_dict({"input_ids": ids, "labels": [0, 1] * (len(ids) // 2)})
                model = BertForSequenceClassification(config)
                began = time.perf_counter()
                training.fine_tune(model, tokenizer, rows, epochs=1, **common)
            else:
                special = [[0] * length] * len(ids)
                text = Dataset.from_dict({"input_ids": ids, "special_tokens_mask": special})
                model, pruning = training.load_mlm(None, config), training.MagnitudePruning(0.5)
                began = time.perf_counter()
                training.train_mlm(model, tokenizer, text, steps=steps, pruning=pruning, **common)
            return time.perf_counter() - began

    return {
        kind: round((long - short) / (seconds(kind, long) - seconds(kind, short)), 2)
        for kind in ("MLM training", "fine-tuning")
    }


def sweep(options, conditions, sparsities, seconds):
    """The command line's sweep for at most so many seconds; whether it came to its end."""
    command = [sys.executable, "-m", "helpers.lab", "run", "--out", str(options.out / "runs")]
    command += ["--conditions", *conditions.split(), "--sparsities", *sparsities.split()]
    command += ["--seeds", *map(str, range(options.seeds)), "--jobs", str(options.jobs)]
    command += ["--tasks", *("cola sst2" if options.quick else TASKS).split()]
    command += SMALLEST if options.quick else MINILM
    with open(options.out / "sweeps.log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            return False


def rates(options):
    """Into the folder: steps a second, and the times of half precision and of 2:4."""
    note = {"machine": machine.provenance()}
    if torch.cuda.is_available():
        note["gpu"] = torch.cuda.get_device_name()
    note["steps a second"] = steps_a_second(options.quick)
    (options.out / "gpu.json").write_text(json.dumps(note, indent=1) + "\n")
    print(note, flush=True)
    if speed.gpu_has_sparse_units():
        times = speed.two_of_four_times("BERT-base", 128)
        times.to_csv(options.out / "two_of_four.csv", index=False)
        print(times.round(2).to_string(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="default: build/gpu")
    parser.add_argument("--minutes", type=float, default=9, help="stop after so many; default: 9")
    parser.add_argument("--jobs", type=int, default=8, help="runs side by side; default: 8")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--only", choices=["rates", "sweeps"], help="default: both")
    parser.add_argument("--quick", action="store_true", help="every part at a tiny size")
    options = parser.parse_args()
    ends = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    if options.only != "sweeps":
        rates(options)
    if options.only == "rates":
        return
    for wanted in SWEEPS[:2] if options.quick else SWEEPS:
        left = ends - time.monotonic()
        done = left > 0 and sweep(options, *wanted, left)
        rows = RunStore(options.out / "runs").rows()
        rows.to_csv(options.out / "results.csv", index=False)
        print(f"{' · '.join(wanted)}: {'done' if done else 'not finished'}; {len(rows)} rows")


if __name__ == "__main__":
    main()
