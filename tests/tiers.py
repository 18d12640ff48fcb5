"""Two tiers of tests: ``pytest -m "not slow"`` is the fast one, ``make test-fast``.

Slow is what trains, opens a browser, executes a notebook or starts processes: the files, fixtures
and tests below, and what is marked ``@pytest.mark.slow``.
"""

import pytest

FILES = {
    "test_browser",
    "test_distributed",
    "test_export",
    "test_gpu",
    "test_later",
    "test_live",
    "test_notebooks",
    "test_pages",
    "test_pocket_bert",
    "test_portable",
    "test_ray",
    "test_store",
    "test_training",
    "test_workers",
}
FIXTURES = {"micro", "book", "decks"}
TESTS = {
    "test_a_mutant_that_hangs_or_ends_its_process_is_stopped",
    "test_course_can_be_fetched",
    "test_every_callback_moves_over_its_range_in_a_kernel",
    "test_from_a_shell",
    "test_nearly_all_mutants_are_caught",
    "test_nothing_runs_out_of_the_page_or_over_anything_else",
    "test_pruned_in_training_saved_and_fine_tuned_with_the_masks",
    "test_rules_do_not_need_docstrings",
}
FIRST = "test_notebooks"  # the longest, so that another worker can do the rest beside it


def is_slow(item):
    """Whether a test is in the slow tier, by its file, its name or the fixtures that it takes."""
    name = getattr(item, "originalname", item.name)
    fixtures = getattr(item, "fixturenames", ())
    return item.path.stem in FILES or name in TESTS or bool(FIXTURES & set(fixtures))


def pytest_collection_modifyitems(items):
    for item in items:
        if is_slow(item):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.stem != FIRST)  # stable: the others keep their order
