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
HALF = '[["bf16", true]]'
MINILM = [
    *["--profile", "small", "--learning-rates", "2e-4", "--set"],
    *["model=sentence-transformers/all-MiniLM-L6-v2", "burn_in_steps=2000"],
    *["pretraining.steps=1000", "ramp_steps=400", "pretraining.learning_rate=3e-4"],
    *["pretraining.seed=0", f"pretraining.options={HALF}", f"fine_tuning.options={HALF}"],
    *["train_rows=null", "dev_rows=null", "epochs=3", "deletion_epochs=[[0,3]]"],
    *["before_after_epochs=[[0,[1,2]]]"],
]
SMALLEST = ["--profile", "tiny", "--set", "pretraining.steps=4", "ramp_steps=2", "train_rows=64"]
SWEEPS = [
    ("dense from_scratch majority", "0", "cola mrpc sst2"),
    ("prune_pretrain info_deletion", "0.4 0.5 0.8", "cola mrpc sst2"),
    ("prune_downstream random", "0.5 0.9", "cola mrpc"),
    ("prune_pretrain info_deletion", "0.3 0.6 0.7 0.9", "cola mrpc sst2"),
    ("prune_downstream", "0.3 0.7", "cola mrpc sst2"),
]


def steps_a_second(quick):
    """Steps a second of MLM training and of fine-tuning, of the paper profile's shape and batch."""
    profile = profiles.get("paper")
    length, batch, steps = (16, 8, 4) if quick else (profile.pretraining.max_length, 32, 60)
    config = BertConfig(**TINY if quick else {})
    rng = np.random.default_rng(0)
    tokenizer = data.load_tokenizer("pocket")  # real words make no difference to the time
    ids = rng.integers(5, len(tokenizer), (batch * steps, length)).tolist()
    text = Dataset.from_dict({"input_ids": ids, "special_tokens_mask": [[0] * length] * len(ids)})
    rows = Dataset.from_dict({"input_ids": ids, "labels": [0, 1] * (len(ids) // 2)})
    common = {"batch_size": batch, "learning_rate": 2e-5, "bf16": not quick}
    found = {}
    for name in ("MLM training", "fine-tuning"):
        with tempfile.TemporaryDirectory() as folder:
            common["output_dir"] = folder
            began = time.perf_counter()
            if name == "fine-tuning":
                model = BertForSequenceClassification(config)
                training.fine_tune(model, tokenizer, rows, epochs=1, **common)
            else:
                model, pruning = training.load_mlm(None, config), training.MagnitudePruning(0.5)
                training.train_mlm(model, tokenizer, text, steps=steps, pruning=pruning, **common)
            found[name] = round(steps / (time.perf_counter() - began), 2)
    return found


def sweep(options, conditions, sparsities, tasks, seconds):
    """The command line's sweep for at most so many seconds; whether it came to its end."""
    command = [sys.executable, "-m", "helpers.lab", "--out", str(options.out / "runs")]
    command += ["--conditions", *conditions.split(), "--sparsities", *sparsities.split()]
    command += ["--seeds", *map(str, range(options.seeds)), "--jobs", str(options.jobs)]
    command += ["--tasks", *("cola sst2" if options.quick else tasks).split()]
    command += SMALLEST if options.quick else MINILM
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="default: build/gpu")
    parser.add_argument("--minutes", type=float, default=9, help="stop after so many; default: 9")
    parser.add_argument("--jobs", type=int, default=6, help="runs side by side; default: 6")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--quick", action="store_true", help="every part at a tiny size")
    options = parser.parse_args()
    ends = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    note, file = {"machine": machine.provenance()}, options.out / "gpu.json"
    if torch.cuda.is_available():
        note["gpu"] = torch.cuda.get_device_name()
    note["steps a second"] = steps_a_second(options.quick)
    file.write_text(json.dumps(note, indent=1) + "\n")
    if speed.gpu_has_sparse_units():
        times = speed.two_of_four_times("BERT-base", 128)
        times.to_csv(options.out / "two_of_four.csv", index=False)
    for wanted in SWEEPS[:2] if options.quick else SWEEPS:
        left = ends - time.monotonic()
        done = left > 0 and sweep(options, *wanted, left)
        rows = RunStore(options.out / "runs").rows()
        rows.to_csv(options.out / "results.csv", index=False)
        print(f"{' · '.join(wanted)}: {'done' if done else 'not finished'}; {len(rows)} rows")


if __name__ == "__main__":
    main()
