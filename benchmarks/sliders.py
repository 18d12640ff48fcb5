"""How long a slider takes from the movement to the new figure: ``python benchmarks/sliders.py``."""

import copy
import time

import numpy as np
import pandas as pd
import torch

from helpers import data, paper, profiles, pruning, training, widgets

model = training.load_mlm(profiles.locate("pocket"))
moved = copy.deepcopy(model)
with torch.no_grad():
    for weight in pruning.prunable_parameters(moved).values():
        weight.add_(0.05 * torch.randn_like(weight))
rows = paper.table1_rows()
boxes = {
    "threshold_explorer": (widgets.threshold_explorer(pruning.prunable_parameters(model)), "sparsity"),
    "schedule_explorer": (widgets.schedule_explorer(1000), "final"),
    "bert_forgets": (widgets.bert_forgets(model, data.load_tokenizer("pocket"), "the happy fox eats the [MASK] ."), "sparsity"),
    "results_explorer": (widgets.results_explorer({"paper": rows}), "relative"),
    "mask_overlap": (widgets.mask_overlap(model, moved), "sparsity"),
}
table = {}
for name, (box, label) in boxes.items():
    control = box.controls[label]
    values = [value for _, value in control.options][1::3] if hasattr(control, "options") else [True, False] * 10
    times = []
    for value in values:
        began = time.perf_counter()
        control.value = value
        times.append(1000 * (time.perf_counter() - began))
    table[name] = {"control": label, "moves": len(times), "median ms": round(np.median(times)), "95% ms": round(np.quantile(times, 0.95))}
print(pd.DataFrame(table).T)
