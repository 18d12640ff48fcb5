"""Each solution and another right answer pass, each typical wrong answer gets its own message.

And the notebooks have stubs and solutions as they are.
"""

import ast
import builtins
import importlib
import pkgutil
import re
import symtable
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import right_answers
import torch
import wrong_answers

from helpers.lesson import exercises
from tools.exercises import synchronise

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9]*.ipynb"))
EXERCISES = exercises.exercises()


def modules(package):
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


WRONG, RIGHT = {}, {}
for module in modules(wrong_answers):
    WRONG |= module.WRONG
for module in modules(right_answers):
    RIGHT |= {name: vars(module)[name] for name in vars(module) if name in EXERCISES}
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


def test_every_exercise_has_wrong_answers_and_another_right_one():
    assert set(WRONG) == set(EXERCISES) == set(RIGHT)


@each_exercise
def test_an_answer_written_differently_is_right(name, capsys):
    given, said = answer(name, RIGHT[name], capsys)
    assert given is RIGHT[name] and said.startswith("✔"), said


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


def test_a_failing_answer_is_told_what_it_was_called_with(capsys):
    _, said = answer("cubic_schedule", lambda *arguments: 1 / 0, capsys)
    assert "It was called with step = 0, end = " in said


@each_exercise
def test_wrong_answers_are_told_apart(name, capsys):
    messages = []
    for fragment, function in WRONG[name].items():
        given, said = answer(name, function, capsys)
        assert given is EXERCISES[name].solution and said.startswith("✘"), said
        assert fragment in said, f"{fragment!r} is not in {said!r}"
        messages.append(said)
    assert len(set(messages)) == len(messages) >= 3


def test_notebooks_have_the_stubs_and_solutions_of_the_modules():
    names = []
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        found = synchronise(notebook)
        same = nbformat.writes(notebook) == before
        assert same, f"{path.name} differs; run python -m tools.exercises"
        texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        for name in found:
            home = EXERCISES[name].solution.__module__
            assert home == f"{exercises.__name__}.{path.stem[3:]}"
            folded = any(f"```python\ndef {name}(" in text for text in texts)
            assert folded, f"{path.name} has no folded solution of {name}"
        names += found
    assert sorted(names) == sorted(EXERCISES)


def bound(tree):
    """The names that a cell's own level binds."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def asked_for(table):
    """The global names that a function, and all that is defined in it, reads."""
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return names.union(*map(asked_for, table.get_children()))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_printed_solution_uses_only_what_its_notebook_has_by_then(path):
    there, missing = set(dir(builtins)), {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            code = re.sub(r"^(\s*)%.*", r"\1pass", cell.source, flags=re.MULTILINE)  # magics
            there |= bound(ast.parse(code))
            continue
        for code in re.findall(r"```python\n(def .*?)\n```", cell.source, re.DOTALL):
            unknown = asked_for(symtable.symtable(code, path.stem, "exec")) - there
            unknown -= bound(ast.parse(code))
            if unknown:
                missing[code.split("(")[0]] = unknown
    assert not missing


def test_a_name_that_is_no_exercise_is_an_error():
    with pytest.raises(
        ValueError, match="no exercise is called 'nothing'; there are .*magnitude_mask"
    ):
        answer("nothing", lambda: None, None)


@each_exercise
def test_a_missing_return_is_named(name, capsys):
    def forgetful(*arguments):
        RIGHT[name](*arguments)

    given, said = answer(name, forgetful, capsys)
    assert given is EXERCISES[name].solution and said.startswith("✘")
    assert "return" in said and "None" in said, said


def test_a_name_for_which_nothing_is_returned_is_not_prunable(capsys):
    def is_prunable(name):
        if RIGHT["is_prunable"](name):
            return True

    assert answer("is_prunable", is_prunable, capsys)[0] is is_prunable


def test_an_empty_answer_is_known_by_its_code_and_not_by_its_docstring(capsys):
    def perplexity(loss):
        """Another text."""
        ...

    assert "Nothing there yet" in answer("perplexity", perplexity, capsys)[1]


def negate(tensor):
    return tensor.neg_()


@pytest.mark.parametrize(
    "value, change",
    [
        (torch.ones(2, 3), lambda tensor: tensor.flatten().zero_()),
        (torch.tensor([1.0, float("nan")]), negate),
        (np.ones(3), lambda array: array.sort() or array.fill(0)),
        ([3, 1], lambda values: values.sort()),
        ({"a": torch.ones(2)}, lambda masks: masks["a"].zero_()),
        ({"a": torch.ones(2)}, lambda masks: masks.pop("a")),
        ({"a": torch.ones(2)}, lambda masks: masks.update(b=torch.ones(2))),
        (pd.Series([1.0, np.nan]), lambda series: series.fillna(0, inplace=True)),
        (pd.DataFrame({"a": [1.0, 2.0]}), lambda frame: frame.insert(0, "b", 1)),
        (pd.DataFrame({"a": [1.0, 2.0]}), lambda frame: frame.__setitem__("a", 0.0)),
        (torch.nn.Linear(2, 1), lambda net: net.bias.data.fill_(7.0)),
        (torch.nn.Linear(2, 1), lambda net: net.eval()),
    ],
)
def test_every_kind_of_changed_argument_is_noticed(value, change):
    calls = []

    def function(argument):
        calls.append(argument)
        change(argument)
        return 1

    def solution(argument):
        return 1

    judge = lambda answer: exercises.judge(
        answer, exercises.Exercise(solution, lambda function: str(function(value)))
    )
    with pytest.raises(exercises.Wrong, match="changes its argument `argument`"):
        judge(function)
    assert calls[0] is not value
    assert judge(solution) == "1", "the value itself is as it was"
