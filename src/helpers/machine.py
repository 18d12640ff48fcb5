"""The machine: cores, threads, GPUs, memory, and the provenance that is stored beside results."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import torch

# From this many weights on a model gets all cores, below one. `python benchmarks/load.py --sizes`
# measures what that is worth.
LARGE = 10_000_000
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
POLICY = "OMP_WAIT_POLICY"
VARIABLES = ("HUB_MIRROR", "HF_HUB_OFFLINE", POLICY, *THREADS)
_limit = None  # of the cores, in a process that shares them with others

# OpenMP's threads spin while they wait, and take the core from whoever works. It reads this when
# torch is imported. For notebooks that import torch first, Makefile, binder/start and
# environment.yml set it, too. One thread, as small models have, never waits.
os.environ.setdefault(POLICY, "PASSIVE")


def launched_processes() -> int:
    """How many processes `accelerate launch` or `torchrun` started to train together, or 1."""
    return int(os.environ.get("WORLD_SIZE", 1))


def cores() -> int:
    """How many cores this process may use: those it is given, or fewer by `OMP_NUM_THREADS`."""
    process = psutil.Process()
    try:
        given = len(process.cpu_affinity())
    except AttributeError:  # macOS has no affinity
        given = psutil.cpu_count() or 1
    return min(n for n in (given, _limit, _asked()) if n)


def limit_cores(count: int) -> None:
    """Let this process use at most `count` cores, because it shares them with others."""
    global _limit
    _limit = max(1, count)
    import torch

    torch.set_num_threads(cores())


def use_threads(model: "torch.nn.Module | None" = None) -> int:
    """Set how many threads torch computes with: one for small models, all cores for large ones.

    A small model gains little from a second thread, and loses much as soon as somebody else wants
    the core. `OMP_NUM_THREADS` or `MKL_NUM_THREADS` overrides this rule.

    Parameters
    ----------
    model : torch.nn.Module, optional
        What will be computed; default: something small.

    Returns
    -------
    int
        The number of threads.
    """
    import torch

    weights = sum(weight.numel() for weight in model.parameters()) if model is not None else 0
    threads = _asked() or (cores() if weights >= LARGE else 1)
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    return threads


def _asked():
    """The number of threads that the user asks for, or None."""
    for name in THREADS:
        first = os.environ.get(name, "").split(",")[0].strip()
        if first.isdigit() and int(first):
            return int(first)
    return None


def variables() -> dict:
    """The environment variables that workers need, here or on other machines."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def take_over(variables: dict) -> None:
    """Be, in a worker, in the environment that `variables` gave in the process that started it."""
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(variables)


@contextlib.contextmanager
def one_gpu(number: int, count: int) -> Iterator[None]:
    """Processes started inside see one of this process's `count` GPUs, chosen by `number`."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    if count:
        visible = before.split(",") if before else [str(gpu) for gpu in range(count)]
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[number % count]
    try:
        yield
    finally:
        if count:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
            if before is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


@cache
def provenance() -> dict:
    """Machine, versions and commit, to store beside results."""
    import datetime
    import subprocess

    try:
        git = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
        )
        commit = git.stdout.strip()
    except OSError:  # no git on this machine
        commit = ""
    return {
        "machine": f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("torch", "transformers", "datasets", "numpy")
        },
        "commit": commit or "unknown",
        "date": datetime.date.today().isoformat(),
    }


def free_memory_mb(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """How much memory is free, in megabytes: of the machine, or of the container's limit if less.

    Parameters
    ----------
    cgroup : Path
        Where Linux tells a container's limit (version 2).
    """
    free = psutil.virtual_memory().available
    try:
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
        free = min(free, limit - used)
    except (OSError, ValueError):  # no container, or one without a limit, "max"
        pass
    return round(free / 1e6)


def peak_memory_mb() -> int:
    """The most memory this process has held so far, in megabytes."""
    try:
        import resource
    except ImportError:  # Windows, where psutil knows it
        return round(psutil.Process().memory_info().peak_wset / 1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def of_timing() -> dict:
    """Provenance of a timing: as `provenance`, with processor, threads and optional packages."""
    import torch

    try:
        names = [
            line.partition(":")[2].strip()
            for line in open("/proc/cpuinfo")
            if line.startswith("model name")
        ]
    except OSError:  # not Linux
        names = []
    versions = {
        package: importlib.metadata.version(package)
        for package in ("zstandard", "openvino", "torchao")
        if importlib.util.find_spec(package)
    }
    note = provenance()
    return note | {
        "processor": names[0] if names else platform.processor() or "unknown",
        "threads": torch.get_num_threads(),
        "versions": note["versions"] | versions,
    }
