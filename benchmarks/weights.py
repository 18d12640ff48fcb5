"""How fine-tuning moves the weights of a model: masks, ranking by magnitude, heads.

``python benchmarks/weights.py --out weights`` takes the pocket BERT. A real model, for example:
``--profile small --model sentence-transformers/all-MiniLM-L6-v2 --name MiniLM-L6 --tasks cola sst2
--learning-rate 2e-4 --set train_rows=800 epochs=3``. Rows of other models in weights.csv are kept.
"""

import argparse
import copy
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm
from transformers import set_seed

from helpers import data, machine, profiles, pruning, tasks, training, weights
from helpers.lab.__main__ import with_settings

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument(
    "--out", default="weights", help="folder for weights.csv and weights.json; default: weights"
)
parser.add_argument("--profile", default="tiny", choices=profiles.PROFILES)
parser.add_argument("--model", help="a hub id or a folder; default: the profile's")
parser.add_argument(
    "--name", default="pocket BERT", help="of the model in the table; default: pocket BERT"
)
parser.add_argument("--tasks", nargs="+", help="default: the profile's")
parser.add_argument("--learning-rate", type=float, help="default: the profile's first")
parser.add_argument(
    "--set",
    nargs="+",
    default=[],
    metavar="FIELD=VALUE",
    help="other values of the profile, such as epochs=3",
)
options = parser.parse_args()

profile = with_settings(profiles.get(options.profile), options.set)
profile = profile.replace(pretraining={"model": options.model or profile.model})
epochs, train_rows = profile.fine_tuning.epochs, profile.fine_tuning.train_rows
rate = options.learning_rate or profile.learning_rates[0]
tokenizer = data.load_tokenizer(profile.model)


def follow(before, tables):
    """What adds to a list how far a model's weights have moved."""
    return lambda model: tables.append(weights.sort_order_movement(before, model))


began = time.perf_counter()
rows = []
for task, seed in tqdm(
    [(task, seed) for task in options.tasks or profile.tasks for seed in profile.seeds]
):
    set_seed(seed)
    before = training.load_classifier(profiles.locate(profile.model), tasks.LABELS[task])
    after, movement = copy.deepcopy(before), []
    with tempfile.TemporaryDirectory() as folder:
        training.fine_tune(
            after,
            tokenizer,
            data.load_task(profile, task)["train"],
            epochs=epochs,
            batch_size=profile.fine_tuning.batch,
            learning_rate=rate,
            seed=seed,
            output_dir=folder,
            callbacks=[training.EachEpoch(follow(before, movement))],
            **dict(profile.fine_tuning.options),
        )
    measured = [
        ("movement", epoch, weights.average_movement(table))
        for epoch, table in enumerate(movement, start=1)
    ]
    last = movement[-1]
    measured.append(("largest_tenth", epochs, weights.average_movement(last, "largest")))
    for sparsity in np.arange(0.1, 1, 0.1).round(1):
        masks = (pruning.magnitude_masks(model, sparsity) for model in (before, after))
        measured.append(("mask_difference", sparsity, pruning.mask_difference(*masks)))
    rows += [
        (options.name, task, seed, quantity, at, float(value)) for quantity, at, value in measured
    ]
heads = weights.head_sparsity(before, pruning.magnitude_masks(before, 0.6)).sparsity
rows += [
    (options.name, "all", 0, "least_pruned_head", 0.6, heads.min()),
    (options.name, "all", 0, "most_pruned_head", 0.6, heads.max()),
]

out = Path(options.out)
out.mkdir(parents=True, exist_ok=True)
table, note = pd.DataFrame(rows, columns=["model", "task", "seed", "quantity", "at", "value"]), {}
if (out / "weights.csv").is_file():
    earlier, note = pd.read_csv(out / "weights.csv"), json.loads((out / "weights.json").read_text())
    table = pd.concat([earlier[earlier.model != options.name], table])
table.round(6).to_csv(out / "weights.csv", index=False)
note[options.name] = machine.provenance() | {
    "command": "python benchmarks/weights.py " + " ".join(sys.argv[1:]),
    "wall_minutes": round((time.perf_counter() - began) / 60, 1),
    "learning_rate": rate,
    "train_rows": train_rows,
    "epochs": epochs,
    "peak_memory_mb": machine.peak_memory_mb(),
}
(out / "weights.json").write_text(json.dumps(note, indent=1) + "\n")
print(
    table[table.model == options.name]
    .groupby(["task", "quantity", "at"])
    .value.mean()
    .unstack([0])
    .round(3)
    .to_string()
)
