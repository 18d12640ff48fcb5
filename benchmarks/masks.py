"""Milliseconds of making masks, side by side: ``python benchmarks/masks.py [--rounds 5]``.

The matrices are random, of the shapes of one layer of BERT-base and a third of its word embeddings.
Every variant works on the same numbers, in turn, over several rounds. Printed are the median, the
ratio to reading the weights once (a sum of magnitudes), and the ratio to one mask a matrix. The
time is the processor's, so that a busy machine disturbs little.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from helpers.pruning import magnitude_masks_at, masks_for

NINE = [n / 10 for n in range(1, 10)]
parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=1, help="for torch; default: 1")
options = parser.parse_args()
torch.set_num_threads(options.threads)

generator = torch.Generator().manual_seed(0)
shapes = [(10_174, 768), *[(768, 768)] * 4, (3072, 768), (768, 3072)]
weights = {str(i): torch.randn(s, generator=generator) * 0.04 for i, s in enumerate(shapes)}
half, brain = ({n: w.to(t) for n, w in weights.items()} for t in (torch.float16, torch.bfloat16))


def partition_global(weights, sparsity):
    """As it was done before: one partition of a copy of all magnitudes."""
    flat = torch.cat([weight.flatten() for weight in weights.values()]).abs()
    count = round(len(flat) * sparsity)
    threshold = float(np.partition(flat.numpy(), count - 1)[count - 1])
    return {name: weight.abs() > threshold for name, weight in weights.items()}


def torch_prune():
    for weight in weights.values():
        layer = nn.Module()
        layer.weight = nn.Parameter(weight)
        prune.l1_unstructured(layer, "weight", 0.5)


VARIANTS = {
    "reading the weights": lambda: [weight.abs().sum() for weight in weights.values()],
    "one sparsity": lambda: masks_for(weights, 0.5),
    "nine sparsities, one by one": lambda: [masks_for(weights, s) for s in NINE],
    "nine sparsities at once": lambda: magnitude_masks_at(weights, NINE),
    "one sparsity, global": lambda: masks_for(weights, 0.5, "global"),
    "global, by partition of a copy": lambda: partition_global(weights, 0.5),
    "one sparsity, float16": lambda: masks_for(half, 0.5),
    "one sparsity, bfloat16": lambda: masks_for(brain, 0.5),
    "torch.nn.utils.prune": torch_prune,
}
seconds = {name: [] for name in VARIANTS}
for number in range(options.rounds + 1):  # the first warms up
    for name, function in VARIANTS.items():
        began = time.process_time()
        function()
        if number:
            seconds[name].append(time.process_time() - began)
median = {name: statistics.median(values) for name, values in seconds.items()}
print(f"{sum(w.numel() for w in weights.values()):,} weights, {options.threads} thread(s)")
for name, value in median.items():
    of_reading, of_one = (value / median[n] for n in ("reading the weights", "one sparsity"))
    print(f"{name:32} {1000 * value:8.1f} ms {of_reading:7.2f} of reading {of_one:6.2f} of one")
