"""One small notebook with every widget cell of the course.

So a browser or a kernel can move all of them in a minute.
"""

import ast
import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CALL = re.compile(
    r"\b(?:widgets\.(\w+_explorer|bert_forgets|sensitivity_map|mask_overlap|cost_calculator)"
    r"|live\.(experiment_form))\("
)
# A notebook's name for the pocket BERT's rows
ROWS = re.compile(r"^(\w+)(?:, \w+)* = reference\.rows\(\"tiny\"\)", re.MULTILINE)
# What the cells find when they run in their notebooks, or something like it that is there at once
PREPARE = """
import copy
import pandas as pd
import torch
from helpers import data, lesson, paper, plots, profiles, pruning, reference, tasks, training
from helpers.lesson import widgets
from helpers.lesson.widgets import live

course = lesson.start()
profile = course.profile
model = training.load_mlm(profiles.locate("pocket"))
tokenizer = data.load_tokenizer("pocket")
weights = pruning.prunable_parameters(model)
sentence = "the happy fox eats the [MASK] ."
names = plots.matrix_names(weights)
matrix_costs = pd.DataFrame(
    [(name, s, n * s / 10 - 0.004) for n, name in enumerate(names) for s in (0.3, 0.6, 0.9)],
    columns=["matrix", "sparsity", "rise"],
)
ours, theirs = reference.rows("tiny"), paper.table1_rows()
sources = both_sources = {"pocket BERT": ours, "BERT-Base (paper)": theirs}
mine = {"condition": ["prune_pretrain"], "sparsity": 0.5, "metric": "accuracy"}
mine = pd.DataFrame(mine | {"value": 0.8, "task": "cola"})
before = training.load_classifier(profiles.locate("pocket"), tasks.LABELS["cola"])
after = copy.deepcopy(before)
with torch.no_grad():
    for weight in pruning.prunable_parameters(after).values():
        weight.add_(0.05 * torch.randn_like(weight))
shipped_sizes, shipped_times = reference.costs("bytes"), reference.costs("milliseconds")
TASK, SPARSITIES = "cola", (0.5, 0.8)
task = tasks.GLUE[TASK]
"""
# Every position of every control, or up to 25 of them; the last ones put it back
MOVE = """
import ipywidgets

for name, control in box.controls.items():
    start, values = control.value, widgets.offered(control)
    if isinstance(control, ipywidgets.SelectMultiple):
        values = [tuple(values[:1]), tuple(values)]
    elif values is None:
        values = [start + " "]
    for value in values[:: max(1, len(values) // 25)] + values[-1:]:
        control.value = value
        assert box.readout.value.strip(), (name, value)
    control.value = start
"""


def cells():
    """The widget cells of all notebooks: (notebook, function, source with what it needs)."""
    found = []
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        code = [
            cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "code"
        ]
        rows = [f"{name} = ours" for name in ROWS.findall("\n".join(code))]
        for source in code:
            for match in CALL.finditer(source):
                needed = ["from helpers import reference", *rows, source.strip()]
                found.append((path.stem, match[1] or match[2], "\n".join(needed)))
    return found


def write(path, moving=False):
    """Write the notebook; returns how many widgets it holds.

    With `moving`, a cell that moves all controls follows each.
    """
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    sources = [PREPARE.strip()]
    for name, _, source in (found := cells()):
        lines = source.split("\n")
        last = ast.parse(source).body[-1].lineno - 1
        lines[last] = f"box = {lines[last]}"
        sources.append("\n".join([f"# {name}", *lines, "box"]))
        sources += [MOVE.strip()] * moving
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, path)
    return len(found)
