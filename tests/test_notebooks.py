"""Every code cell runs, on one core and within Binder's memory; so does the course's own runner.

nbval runs the cells; outputs are not compared.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import psutil
import pytest
from course import FOLDER, ROOT, code_cells, each_notebook, stated_gigabytes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers import lesson, machine
from tools import notebooks

BINDER_MEGABYTES = 1_500  # of the 2,000 at which Binder kills; the rest is JupyterLab's


@each_notebook
def test_every_cell_runs_within_the_memory(name, tmp_path):
    report = tmp_path / "report.xml"
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PRUNING_PROFILE", "HUB_MIRROR")
    }
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "kernel_memory",
            "--nbval-lax",
            "--nbval-current-env",
            "--nbval-cell-timeout=600",
            "-p",
            "no:cacheprovider",
            "--color=no",
            f"--junitxml={report}",
            FOLDER / f"{name}.ipynb",
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A child of a test case is what went wrong with it: failure, error or skipped.
    results = list(ElementTree.parse(report).iter("testcase"))
    passed = [
        case
        for case in results
        if not {child.tag for child in case} & {"failure", "error", "skipped"}
    ]
    assert len(passed) == len(code_cells(name))
    megabytes = [
        float(entry.get("value"))
        for case in results
        for entry in case.iter("property")
        if entry.get("name") == "peak_megabytes"
    ]
    assert len(megabytes) == len(passed)
    if megabytes[-1] == megabytes[-1]:  # not every system tells
        assert megabytes[-1] < BINDER_MEGABYTES
        assert megabytes[-1] < 1000 * (stated_gigabytes(name) + 0.2), (
            "the first cell states less; python -m tools.notebooks --in-place measures"
        )


@pytest.fixture
def small_course(tmp_path):
    """A README and a notebook that says that it takes 9.9 minutes; the folder of the notebook."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "README.md").write_text(
        "| [00](notebooks/00_a.ipynb) | What? | 9.9 |\n"
        "| [01](notebooks/01_b.ipynb) | What? | 7.7 |\n"
        "what the cells take on two CPU cores\n"
    )
    head = (
        "# 00 · A\n\n| 10 minutes to read and think; "
        "the cells take 9.9 minutes and 9.9 GB on two CPU cores |"
    )
    nbformat.write(
        new_notebook(cells=[new_markdown_cell(head), new_code_cell("print(6 * 7)")]),
        folder / "00_a.ipynb",
    )
    return folder


def run_in_place(folder):
    assert (
        notebooks.main(
            [
                "--notebooks",
                str(folder),
                "--out",
                str(folder.parent / "out"),
                "--no-book",
                "--in-place",
            ]
        )
        == 0
    )
    return nbformat.read(folder / "00_a.ipynb", as_version=4)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="this system does not tell the memory of a process",
)
def test_a_run_in_place_states_what_it_took(small_course, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = run_in_place(small_course)
    took = notebook.metadata.measured
    assert (
        took == {"minutes": 0.1, "gigabytes": took.gigabytes, "cores": 1}
        and 0 < took.gigabytes < 0.5
    )
    assert notebook.cells[0].source.endswith(
        f"the cells take 0.1 minutes and {took.gigabytes} GB on 1 CPU core |"
    )
    assert notebook.cells[1].outputs[0].text == "42\n"
    assert (small_course.parent / "README.md").read_text().splitlines() == [
        "| [00](notebooks/00_a.ipynb) | What? | 0.1 |",
        "| [01](notebooks/01_b.ipynb) | What? | 7.7 |",
        "what the cells take on 1 CPU core",
    ]


def test_a_run_that_finished_runs_spare_time_is_no_measurement(small_course, capsys):
    (small_course / "runs").mkdir()
    before = (small_course.parent / "README.md").read_text()
    notebook = run_in_place(small_course)
    assert (
        "measured" not in notebook.metadata
        and "9.9 minutes" in notebook.cells[0].source
        and notebook.cells[1].execution_count == 1
    )
    assert (
        small_course.parent / "README.md"
    ).read_text() == before and "move it away" in capsys.readouterr().out


def test_cores_are_those_that_may_be_used(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    available = machine.cores()
    assert 1 <= available <= os.cpu_count()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert machine.cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    assert machine.cores() == available


def test_a_notebooks_sweep_makes_two_runs_where_there_are_cores_and_memory_for_two(monkeypatch):
    course = lesson.start()
    for cores, free, jobs in ((1, 9_000, 1), (2, 9_000, 2), (64, 9_000, 2), (8, 2_900, 1)):
        monkeypatch.setattr(machine, "cores", lambda cores=cores: cores)
        monkeypatch.setattr(machine, "free_memory_mb", lambda free=free: free)
        assert course.jobs == jobs


def test_free_memory_is_that_of_a_container_with_a_limit(tmp_path):
    whole = machine.free_memory_mb(tmp_path)
    assert 0 < whole <= psutil.virtual_memory().total / 1e6
    for name, told in (("max", "max"), ("current", "7")):
        (tmp_path / f"memory.{name}").write_text(told)
    assert machine.free_memory_mb(tmp_path) > 7  # no limit
    (tmp_path / "memory.max").write_text("5000007\n")
    assert machine.free_memory_mb(tmp_path) == 5
