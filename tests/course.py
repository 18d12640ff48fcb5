"""The course's notebooks, for the tests that read them."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
NAMES = [
    "00_start_here",
    "01_magnitude_pruning",
    "02_pruning_while_training",
    "03_inside_bert",
    "04_pruned_pretraining",
    "05_glue_finetuning",
    "06_information_or_capacity",
    "07_before_or_after",
    "08_what_sparsity_buys",
    "09_your_own_experiment",
]
each_notebook = pytest.mark.parametrize("name", NAMES)


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


def prose(notebook):
    """The texts of a notebook, without the code in them."""
    return [
        re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
        for cell in notebook.cells
        if cell.cell_type == "markdown"
    ]


def stated_gigabytes(name):
    """The memory that the first cell of a notebook says it takes."""
    return float(re.search(r"minutes and ([\d.]+) GB", read(name).cells[0].source)[1])
