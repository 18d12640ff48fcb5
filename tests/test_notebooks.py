"""Every code cell of every notebook runs, on one core and within Binder's memory (nbval, outputs not compared)."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from course import FOLDER, ROOT, code_cells, each_notebook, stated_gigabytes

BINDER_MEGABYTES = 1_500  # of the 2,000 at which Binder kills; the rest is JupyterLab's


@each_notebook
def test_every_cell_runs_within_the_memory(name, tmp_path):
    report = tmp_path / "report.xml"
    environment = {key: value for key, value in os.environ.items() if key not in ("PRUNING_PROFILE", "HUB_MIRROR")}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-p", "kernel_memory", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600",
            "-p", "no:cacheprovider", "--color=no", f"--junitxml={report}", FOLDER / f"{name}.ipynb",
        ],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A child of a test case is what went wrong with it: failure, error or skipped.
    results = list(ElementTree.parse(report).iter("testcase"))
    passed = [case for case in results if not {child.tag for child in case} & {"failure", "error", "skipped"}]
    assert len(passed) == len(code_cells(name))
    megabytes = [float(entry.get("value")) for case in results for entry in case.iter("property") if entry.get("name") == "peak_megabytes"]
    assert len(megabytes) == len(passed)
    if megabytes[-1] == megabytes[-1]:  # not every system tells
        assert megabytes[-1] < BINDER_MEGABYTES
        assert megabytes[-1] < 1000 * (stated_gigabytes(name) + 0.2), "the first cell states less; python -m helpers.notebooks --in-place measures"
