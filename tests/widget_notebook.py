"""One small notebook with every widget cell of the course, so that a browser or a kernel can move them all in a minute."""

import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CALL = re.compile(
    r"\b(?:widgets\.(\w+_explorer|bert_forgets|sensitivity_map|mask_overlap|cost_calculator)|live\.(experiment_form))\("
)
# What the cells find when they run in their notebooks, or something like it that is there at once
PREPARE = """
import copy
import pandas as pd
import torch
from helpers import analysis, data, paper, plots, profiles, pruning, training
from helpers.cost import speed
from helpers.lab import experiment
from helpers.lesson import predictions, widgets
from helpers.lesson.widgets import live

plots.use_style()
profile = profiles.current()
model = training.load_mlm(profiles.locate("pocket"))
tokenizer = data.load_tokenizer("pocket")
weights = pruning.prunable_parameters(model)
sentence = "the happy fox eats the [MASK] ."
matrix_costs = pd.DataFrame([(name, s, n * s / 10) for n, name in enumerate(plots.matrix_names(weights)) for s in (0.3, 0.6, 0.9)], columns=["matrix", "sparsity", "rise"])
reference, theirs = reference.rows("tiny"), paper.table1_rows()
sources = {"pocket BERT": reference, "BERT-Base (paper)": theirs}
mine = pd.DataFrame([{"condition": "prune_pretrain", "sparsity": 0.5, "metric": "accuracy", "value": 0.8, "task": "cola"}])
before = training.load_classifier(profiles.locate("pocket"), tasks.LABELS["cola"])
after = copy.deepcopy(before)
with torch.no_grad():
    for weight in pruning.prunable_parameters(after).values():
        weight.add_(0.05 * torch.randn_like(weight))
shipped_sizes, shipped_times = reference.costs("bytes"), reference.costs("milliseconds")
TASK, SPARSITIES = "cola", (0.5, 0.8)
"""
# Every position of every control, or up to 25 of them; the last ones put it back
MOVE = """
import ipywidgets

for name, control in box.controls.items():
    start, seen = control.value, set()
    if isinstance(control, ipywidgets.SelectMultiple):
        values = [(control.options[0][1],), tuple(value for _, value in control.options)]
    elif hasattr(control, "options"):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
    elif hasattr(control, "max"):
        values = list(range(control.min, control.max + 1, control.step))
    elif isinstance(control.value, bool):
        values = [True, False]
    else:
        values = [control.value + " "]
    for value in values[:: max(1, len(values) // 25)] + values[-1:]:
        control.value = value
        seen.add(box.readout.value)
        assert box.readout.value.strip(), (name, value)
    control.value = start
"""


def cells():
    """The widget cells of all notebooks: (notebook, function, source)."""
    found = []
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                found += [
                    (path.stem, match[1] or match[2], cell.source)
                    for match in CALL.finditer(cell.source)
                ]
    return found


def write(path, moving=False):
    """Write the notebook; returns how many widgets it holds. With `moving`, a cell that moves all controls follows each."""
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        }
    )
    sources = [PREPARE.strip()]
    for name, _, source in (found := cells()):
        *rest, last = source.strip().split("\n")
        sources.append("\n".join([f"# {name}", *rest, f"box = {last}", "box"]))
        sources += [MOVE.strip()] * moving
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, path)
    return len(found)
