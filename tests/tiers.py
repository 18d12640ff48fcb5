"""Two tiers of tests: ``pytest -m "not slow"`` is the fast one, ``make test-fast``.

Slow is what trains, opens a browser, executes a notebook or starts processes: the files and the
fixtures below, and single tests marked ``@pytest.mark.slow``.
"""

import pytest

FILES = {
    "test_browser",
    "test_distributed",
    "test_export",
    "test_later",
    "test_live",
    "test_notebooks",
    "test_pocket_bert",
    "test_ray",
    "test_store",
    "test_training",
    "test_workers",
}
FIXTURES = {"micro", "book", "decks"}
FIRST = "test_notebooks"  # the longest, so that another worker can do the rest beside it


def is_slow(file, fixtures):
    """Whether a test is in the slow tier, by its file's name and the fixtures that it takes."""
    return file in FILES or bool(FIXTURES & set(fixtures))


def pytest_collection_modifyitems(items):
    for item in items:
        if is_slow(item.path.stem, getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.stem != FIRST)  # stable: the others keep their order
