"""Each solution passes its check, each typical wrong answer gets a message of its own, and the notebooks have both as they are."""

import importlib
import pkgutil
from pathlib import Path

import nbformat
import pytest
import wrong_answers

from helpers.lesson import exercises

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9]*.ipynb"))
EXERCISES = exercises.exercises()
WRONG = {}
for module in pkgutil.iter_modules(wrong_answers.__path__):
    WRONG |= importlib.import_module(f"wrong_answers.{module.name}").WRONG
each_exercise = pytest.mark.parametrize("name", sorted(EXERCISES))


def answer(name, function, capsys):
    """What the check gives back and says of a function."""
    function.__name__ = name
    given = exercises.check(function)
    return given, capsys.readouterr().out


def compiled(name, source):
    scope = vars(importlib.import_module(EXERCISES[name].solution.__module__)).copy()
    exec(source, scope)
    return scope[name]


def test_every_exercise_has_wrong_answers():
    assert set(WRONG) == set(EXERCISES)


@each_exercise
def test_the_solution_is_right_and_used(name, capsys):
    function = compiled(name, EXERCISES[name].answer)
    given, said = answer(name, function, capsys)
    assert given is function and said.startswith("✔"), said


@each_exercise
def test_an_empty_answer_is_told_what_to_do(name, capsys):
    given, said = answer(name, compiled(name, EXERCISES[name].stub), capsys)
    assert given is EXERCISES[name].solution and said.startswith("○"), said


@each_exercise
def test_a_failing_answer_does_not_stop_the_notebook(name, capsys):
    given, said = answer(name, lambda *arguments: 1 / 0, capsys)
    assert given is EXERCISES[name].solution and "ZeroDivisionError" in said
    given, said = answer(name, lambda *arguments: "nonsense", capsys)
    assert given is EXERCISES[name].solution and said.startswith("✘"), said


@each_exercise
def test_wrong_answers_are_told_apart(name, capsys):
    messages = []
    for fragment, function in WRONG[name].items():
        given, said = answer(name, function, capsys)
        assert given is EXERCISES[name].solution and said.startswith("✘") and fragment in said, (
            f"{fragment!r} is not in {said!r}"
        )
        messages.append(said)
    assert len(set(messages)) == len(messages) >= 3


def test_notebooks_have_the_stubs_and_solutions_of_the_modules():
    names = []
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        found = exercises.synchronise(notebook)
        assert nbformat.writes(notebook) == before, (
            f"{path.name} differs; run python -m tools.exercises"
        )
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for name in found:
            assert (
                EXERCISES[name].solution.__module__ == f"helpers.lesson.exercises.{path.stem[3:]}"
            )
            assert f"```python\ndef {name}(" in text, (
                f"{path.name} has no folded solution of {name}"
            )
        names += found
    assert sorted(names) == sorted(EXERCISES)


def test_a_name_that_is_no_exercise_is_an_error():
    with pytest.raises(
        ValueError, match="no exercise is called 'nothing'; there are .*magnitude_mask"
    ):
        answer("nothing", lambda: None, None)
