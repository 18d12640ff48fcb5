"""A plugin for nbval: kernels run on one core, as on Binder, and each cell is reported with the kernel's peak memory."""

import os

import pytest

from tools.notebooks import peak_megabytes


def pytest_configure():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@pytest.hookimpl(tryfirst=True)  # the kernel stops with the last cell
def pytest_runtest_teardown(item):
    item.user_properties.append(
        ("peak_megabytes", peak_megabytes(item.parent.kernel.km.provisioner.pid))
    )
