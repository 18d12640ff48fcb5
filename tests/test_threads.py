"""However the course is started, OpenMP's threads do not spin; the user has the last word.

How many threads compute is tested with the workers.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers import machine

ROOT = Path(__file__).parent.parent
SHOW = "import os; print(*(os.environ.get(n) for n in ('OMP_NUM_THREADS', 'OMP_WAIT_POLICY')))"
on_unix = pytest.mark.skipif(os.name == "nt", reason="neither make nor a shell")


def said(*command, **variables):
    """What a command prints in an environment with no variables of OpenMP but these.

    Nor with those of make, which is talkative inside another make (as in `make test`).
    """
    taken = *machine.THREADS, machine.POLICY, "MAKELEVEL", "MAKEFLAGS", "MFLAGS"
    free = {n: v for n, v in os.environ.items() if n not in taken}
    done = subprocess.run(
        command, env=free | variables, capture_output=True, text=True, cwd=ROOT, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def make(tmp_path):
    """Run a target of the Makefile, with a Python that only shows its environment."""
    if not shutil.which("make"):
        pytest.skip("there is no make")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text('#!/bin/sh\necho "${OMP_NUM_THREADS-None} ${OMP_WAIT_POLICY-None}"\n')
    python.chmod(0o755)
    (tmp_path / ".installed").touch()
    return lambda target, **variables: said("make", f"VENV={tmp_path}", target, **variables)


@on_unix
@pytest.mark.parametrize("target", ["run", "test", "test-fast", "book", "slides"])
def test_make_computes_with_one_thread(make, target):
    assert make(target).splitlines()[0] == "1 PASSIVE"
    assert make(target, OMP_NUM_THREADS="3", OMP_WAIT_POLICY="ACTIVE").startswith("3 ACTIVE")


@on_unix
def test_in_jupyterlab_the_course_chooses_by_the_model(make):
    assert make("lab") == "None PASSIVE"
    assert make("lab", OMP_NUM_THREADS="2") == "2 PASSIVE"


@on_unix
def test_binder_starts_on_one_core():
    start = str(ROOT / "binder" / "start"), sys.executable, "-c", SHOW
    assert said(*start) == "1 PASSIVE"
    assert said(*start, OMP_NUM_THREADS="2", OMP_WAIT_POLICY="ACTIVE") == "2 ACTIVE"


def test_conda_and_containers_say_how_threads_wait():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert conda["variables"] == container["containerEnv"] == {machine.POLICY: "PASSIVE"}


def test_the_course_says_it_before_torch_is_loaded():
    script = f"import helpers, sys; assert 'torch' not in sys.modules; {SHOW}"
    assert said(sys.executable, "-c", script) == "None PASSIVE"
    assert said(sys.executable, "-c", script, OMP_WAIT_POLICY="ACTIVE") == "None ACTIVE"


def test_workers_take_over_what_the_user_says(monkeypatch):
    asked = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "2", machine.POLICY: "ACTIVE"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    carried = machine.variables()
    assert asked.items() <= carried.items()
    for name in asked:
        monkeypatch.setenv(name, "other")
    machine.take_over(carried)
    assert asked.items() <= dict(os.environ).items()
