"""Every notebook is there, is tidy, and every one of its code cells runs (nbval, outputs not compared)."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
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
MACHINE_PATH = re.compile(r"(?<![\w.~])/(work|root|home|tmp|Users)\b|\b[A-Z]:\\\\\w")
each_notebook = pytest.mark.parametrize("name", NAMES)


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


def test_no_notebook_is_missing_or_untested():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@each_notebook
def test_one_title_in_the_first_cell(name):
    titles = []
    for number, cell in enumerate(read(name).cells):
        if cell.cell_type == "markdown":
            text = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
            titles += [number] * len(re.findall(r"^# ", text, re.MULTILINE))
    assert titles == [0]


@each_notebook
def test_small_enough_to_clone_and_show(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 1_000_000


@each_notebook
def test_committed_as_run_from_top_to_bottom(name):
    cells = code_cells(name)
    assert cells and [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]


@each_notebook
def test_no_path_of_the_machine_that_ran_it(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not [text[max(0, found.start() - 40) : found.end() + 40] for found in MACHINE_PATH.finditer(text)]


@each_notebook
def test_every_cell_runs(name, tmp_path):
    report = tmp_path / "report.xml"
    environment = {key: value for key, value in os.environ.items() if key not in ("PRUNING_PROFILE", "HUB_MIRROR")}
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600",
            "-p", "no:cacheprovider", "--color=no", f"--junitxml={report}", FOLDER / f"{name}.ipynb",
        ],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A child of a test case is what went wrong with it: failure, error or skipped.
    results = ElementTree.parse(report).iter("testcase")
    passed = [case for case in results if not {child.tag for child in case} & {"failure", "error", "skipped"}]
    assert len(passed) == len(code_cells(name))
