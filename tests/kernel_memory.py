"""A plugin for nbval: kernels run on one core, as on Binder, each cell tells its peak memory."""

import os

import pytest

from tools.notebooks import peak_megabytes


def pytest_configure():
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        # where pytest-xdist has several workers, each takes another core
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.sched_setaffinity(0, {cores[worker % len(cores)]})


@pytest.hookimpl(tryfirst=True)  # the kernel stops with the last cell
def pytest_runtest_teardown(item):
    item.user_properties.append(
        ("peak_megabytes", peak_megabytes(item.parent.kernel.km.provisioner.pid))
    )
