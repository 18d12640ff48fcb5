"""Seconds a step of MLM training, side by side.

``python benchmarks/training.py [--model tiny minilm] [--steps 12]``. Every variant makes the same
steps on the same text from the same weights, in turn, over several rounds. Printed are the median
step, the tokens a second against the stock Trainer, and the last loss, which shows that the work is
the same. The weights are random, of the shapes of BERT-tiny and MiniLM-L6: nothing is downloaded.
"""

import argparse
import tempfile
import time

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from torch.nn.utils import prune
from transformers import BertConfig, BertTokenizer, Trainer, TrainerCallback, set_seed

from helpers import training
from helpers.pruning import encoder_of, prunable_parameters

SHAPES = {
    "tiny": dict(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512
    ),
    "minilm": dict(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    ),
}
BATCH, LENGTH, SPARSITY = 32, 64, 0.5


class Clock(TrainerCallback):
    """Notes when each step ends, and its loss."""

    def __init__(self):
        self.times, self.losses = [], []

    def on_step_end(self, *arguments, **options):
        self.times.append(time.perf_counter())

    def on_log(self, args, state, control, logs=None, **options):
        self.losses += [logs["loss"]] if "loss" in logs else []


def reparametrise(model):
    """Prune as `torch.nn.utils.prune` does: mask × weight computed in each forward pass."""
    names = prunable_parameters(model)
    for name, module in list(encoder_of(model).named_modules()):
        if f"{name}.weight" in names:
            prune.l1_unstructured(module, "weight", SPARSITY)


def step_seconds(variant, config, tokenizer, text, steps):
    """Seconds of each step but the first two, and the last loss."""
    set_seed(0)
    model = training.load_mlm(None, config)
    clock, options = Clock(), dict(logging_strategy="steps", logging_steps=1)
    pruning = training.MagnitudePruning(SPARSITY, frequency=10) if "pruned" in variant else None
    trainer_class = training.MLMTrainer
    try:
        if variant.startswith("stock"):
            training.MLMTrainer = Trainer
        if variant.endswith("torch.nn.utils.prune"):
            reparametrise(model)
        with tempfile.TemporaryDirectory() as folder:
            training.train_mlm(
                model,
                tokenizer,
                text,
                steps=steps,
                batch_size=BATCH,
                learning_rate=1e-4,
                output_dir=folder,
                pruning=pruning,
                callbacks=[clock],
                bf16="bfloat16" in variant,
                **options,
            )
    finally:
        training.MLMTrainer = trainer_class
    return np.diff(clock.times)[1:], clock.losses[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(30_517))]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    ids = np.random.default_rng(0).zipf(1.2, size=(options.steps * BATCH, LENGTH - 2)) % 30_517 + 5
    rows = [[2, *row, 3] for row in ids.tolist()]
    text = Dataset.from_dict({"input_ids": rows, "attention_mask": [[1] * LENGTH] * len(rows)})
    variants = [
        "stock Trainer",
        "masked positions",
        "masked positions, pruned",
        "masked positions, torch.nn.utils.prune",
        "masked positions, bfloat16",
        "masked positions, bfloat16, pruned",
    ]
    print(
        f"{torch.get_num_threads()} threads, batches of {BATCH} × {LENGTH} tokens, medians of "
        f"{options.rounds} rounds of {options.steps} steps in turn"
    )
    for name in options.model:
        config = BertConfig(vocab_size=30_522, **SHAPES[name])
        seconds, losses = {v: [] for v in variants}, {}
        for _ in range(options.rounds):
            for variant in variants:
                times, losses[variant] = step_seconds(
                    variant, config, tokenizer, text, options.steps
                )
                seconds[variant] += times.tolist()
        table = pd.DataFrame(
            {
                "seconds a step": {v: np.median(s) for v, s in seconds.items()},
                "mean": {v: np.mean(s) for v, s in seconds.items()},
                "last loss": losses,
            }
        )
        table.insert(
            1, "tokens/s, stock = 1", table["seconds a step"].iloc[0] / table["seconds a step"]
        )
        table["step, without pruning = 1"] = table["mean"] / [
            table["mean"][v.removesuffix(", pruned").removesuffix(", torch.nn.utils.prune")]
            for v in variants
        ]
        print(f"\n{name}\n{table.round(3).to_string()}", flush=True)
