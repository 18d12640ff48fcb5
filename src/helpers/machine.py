"""The machine: cores, GPUs, memory, and the provenance that is stored beside results."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from functools import cache
from pathlib import Path


def launched_processes():
    """How many processes `accelerate launch` or `torchrun` started to train together; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", 1))


def cores():
    """How many cores a computation here may use at once: those that the process is given, or fewer by `OMP_NUM_THREADS`."""
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(given, int(os.environ.get("OMP_NUM_THREADS") or given))


def variables():
    """The environment variables that processes on other machines need to find the same data."""
    return {
        name: os.environ[name] for name in ("HUB_MIRROR", "HF_HUB_OFFLINE") if name in os.environ
    }


@contextlib.contextmanager
def one_gpu(number, count):
    """Processes started inside see one of the `count` GPUs that this process sees, chosen by `number`."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    if count:
        visible = before.split(",") if before else [str(gpu) for gpu in range(count)]
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[number % count]
    try:
        yield
    finally:
        if count and before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        elif count:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


@cache
def provenance():
    """Machine, versions and commit, to store beside results."""
    import datetime
    import platform
    import subprocess
    from importlib.metadata import version

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
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {
            name: version(name) for name in ("torch", "transformers", "datasets", "numpy")
        },
        "commit": commit or "unknown",
        "date": datetime.date.today().isoformat(),
    }


def peak_memory_mb():
    """The most memory this process has held so far, in megabytes, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))


def of_timing():
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
