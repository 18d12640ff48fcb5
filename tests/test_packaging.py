"""One place says which versions are supported: pyproject.toml. The other files and this environment must agree."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYPI_NAMES = {"pytorch-cpu": "torch"}
CONDA_ONLY = {"python", "pip"}
FOR_GPUS = re.compile("cuda|nvidia|cudnn|triton|pytorch-gpu", re.IGNORECASE)


def ranges(lines):
    """Package name on PyPI → range of versions, from PEP 508 lines or conda's "name >=1,<2"."""
    requirements = [Requirement(line) for line in lines]
    return {
        PYPI_NAMES.get(r.name, r.name): r.specifier
        for r in requirements
        if r.name not in CONDA_ONLY
    }


def conda_lines(file):
    return [
        line
        for line in yaml.safe_load((ROOT / file).read_text())["dependencies"]
        if isinstance(line, str)
    ]


CORE = ranges(PYPROJECT["dependencies"])
ALL = CORE | ranges(PYPROJECT["optional-dependencies"]["test"])


@pytest.mark.parametrize(
    "file, supported", [("environment.yml", ALL), ("binder/environment.yml", CORE)]
)
def test_conda_files_repeat_pyproject(file, supported):
    assert ranges(conda_lines(file)) == supported


@pytest.mark.parametrize("file", ["environment.yml", "binder/environment.yml"])
def test_conda_python_is_supported(file):
    (python,) = (Requirement(line) for line in conda_lines(file) if line.startswith("python "))
    lowest = min(bound.version for bound in python.specifier)
    assert SpecifierSet(PYPROJECT["requires-python"]).contains(lowest)


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "environment.yml", "binder/environment.yml", "binder/postBuild"]
)
def test_no_gpu_package_is_named(file):
    lines = [line.split("#")[0] for line in (ROOT / file).read_text().splitlines()]
    assert not [line for line in lines if FOR_GPUS.search(line)]


def resolved(names):
    """These packages and all that they need, by the metadata of what is installed here."""
    found, waiting = {}, [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = re.sub("[-_.]+", "-", requirement.name).lower()
        extras = {""} | requirement.extras
        if extras <= found.get(name, set()):
            continue
        found[name] = found.get(name, set()) | extras
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue  # its name alone is looked at
        waiting += [
            r
            for r in needed
            if r.marker is None or any(r.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return set(found)


def test_no_gpu_package_is_resolved():
    """What Binder's environment needs in turn; make binder-check installs it all and looks again."""
    if "+cpu" not in version("torch"):
        pytest.skip(
            f"torch {version('torch')} is not a CPU build, so it tells nothing of what a CPU build needs"
        )
    names = resolved(ranges(conda_lines("binder/environment.yml")))
    assert {"torch", "tokenizers", "jupyter-server"} <= names
    assert not [name for name in names if FOR_GPUS.search(name)]


@pytest.mark.parametrize("file", ["Makefile", "README.md"])
def test_torch_that_readers_install_is_supported(file):
    text = (ROOT / file).read_text()
    pins = re.findall(r"torch==([\d.]+)|^TORCH *:= *([\d.]+)", text, re.MULTILINE)
    assert pins and all(CORE["torch"].contains(pin or variable) for pin, variable in pins)


@pytest.mark.parametrize("name", ALL)
def test_installed_version_is_supported(name):
    assert ALL[name].contains(version(name)), (
        f"{name} {version(name)} is outside {ALL[name]}; run make setup"
    )


def test_binder_starts_on_one_core():
    done = subprocess.run(
        [
            ROOT / "binder/start",
            sys.executable,
            "-c",
            "import os; print(os.environ['OMP_NUM_THREADS'])",
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["1"]


@pytest.mark.parametrize("file", ["binder/postBuild", "binder/start", ".ci/run"])
def test_scripts_stop_at_the_first_error(file):
    assert "set -euo pipefail" in (ROOT / file).read_text()
    assert os.name == "nt" or os.access(ROOT / file, os.X_OK)
