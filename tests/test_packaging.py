"""One place says which versions are supported: pyproject.toml. All else must agree."""

import os
import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools import versions

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


SUPPORTED_PYTHON = SpecifierSet(PYPROJECT["requires-python"])
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
    assert SUPPORTED_PYTHON.contains(lowest)


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
    """What Binder's environment needs; make binder-check installs it all and looks again."""
    if "+cpu" not in version("torch"):
        pytest.skip(
            f"torch {version('torch')} is not a CPU build, so it does not tell what one needs"
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


def test_oldest_versions_are_the_lower_bounds():
    project = {
        "dependencies": ["torch>=2.11,<2.14", "datasets>=4,<6", "evaluate>=0.4.6,<0.5"],
        "optional-dependencies": {"test": ["packaging>=24"]},
    }
    oldest = ["torch==2.11.*", "datasets==4.0.*", "evaluate==0.4.6", "packaging==24.0.*"]
    assert versions.constraints(project, "oldest") == oldest
    assert versions.constraints(project, "newest")[:2] == ["torch<2.14,>=2.11", "datasets<6,>=4"]
    with pytest.raises(ValueError, match="'older'.*oldest, newest"):
        versions.constraints(project, "older")


@pytest.mark.parametrize("age", versions.AGES)
def test_oldest_and_newest_versions_are_supported(age):
    pins = ranges(versions.constraints(PYPROJECT, age))
    assert set(pins) == set(ALL)
    for name, pin in pins.items():
        lowest = re.search(r"[\d.]*\d", str(pin))[0] if age == "oldest" else version(name)
        assert ALL[name].contains(lowest) and pin.contains(lowest), name


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_there_is(path):
    """Every job's Python is supported, and every make target and script that it runs exists."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    commands = "\n".join(step.get("run", "") for step in steps)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in re.findall(r"^make (.+)$", commands, re.MULTILINE):
        assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in line.split())
    scripts = re.findall(r"^(\.ci/\S+)$", commands, re.MULTILINE)
    assert all((ROOT / script).exists() for script in scripts)
    pythons = [str(step.get("with", {}).get("python-version", "")) for step in steps]
    matrices = [job["strategy"]["matrix"] for job in jobs if "strategy" in job]
    for matrix in matrices:
        pythons += matrix["python"] + [extra["python"] for extra in matrix.get("include", [])]
    given = [python for python in pythons if re.fullmatch(r"[\d.]+", python)]
    assert given and all(SUPPORTED_PYTHON.contains(python) for python in given)


def test_the_fast_tier_runs_on_every_system_and_python():
    text = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    matrix = yaml.safe_load(text)["jobs"]["fast"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    pythons = {*matrix["python"], *(extra["python"] for extra in matrix["include"])}
    assert pythons == {"3.11", "3.12", "3.13", "3.14"}


@pytest.mark.parametrize("file", ["binder/postBuild", "binder/start", ".ci/run"])
def test_scripts_stop_at_the_first_error(file):
    assert "set -euo pipefail" in (ROOT / file).read_text()
    assert os.name == "nt" or os.access(ROOT / file, os.X_OK)
