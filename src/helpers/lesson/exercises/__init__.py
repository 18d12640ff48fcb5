"""Exercises: one source for the stub, the solution and the check of each.

The exercises of a notebook stand in the module of its name. A solution is an ordinary function;
what the learner is to write lies between ``### BEGIN SOLUTION`` and ``### END SOLUTION``.
``python -m tools.exercises`` copies stubs and solutions into the notebooks, and a test fails
where they differ.

A check never raises and never stops a notebook: an exercise that is not solved goes on with its
solution. Each call of the learner's function gets copies of its own, and must leave them as they
are.
"""

import copy
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import torch

from ..saying import say

NO_RETURN = "Your function returns None. Is a `return` missing at its end?"
# Of masks: what a threshold at place count - 1 does at 0%
NOTHING = (
    "At 0% everything is pruned, and nothing should be. Do you look up the last pruned entry at "
    "count - 1? With a count of 0 that is -1, the last of all."
)
BEGIN, END, TODO = "### BEGIN SOLUTION", "### END SOLUTION", "...  # your code here"


class Wrong(Exception):
    """What is wrong with an answer, in the learner's terms."""


@dataclass(frozen=True)
class Exercise:
    """A solution, and the check that tells it from wrong answers.

    Attributes
    ----------
    solution : callable
    check : callable
        Called with the learner's function; raises `Wrong`, or returns a sentence that says what is
        right. It passes all arguments by position.
    changes : tuple of str
        Arguments that the learner's function is meant to change. They are passed as they are, all
        others as copies.
    none : bool
        Whether the check itself judges an answer of None. Elsewhere None is a missing `return`.
    """

    solution: Callable
    check: Callable
    changes: tuple = ()
    none: bool = False

    @property
    def source(self):
        """The solution's source, with its marks."""
        source = textwrap.dedent(inspect.getsource(self.solution))
        return source[source.index("def ") :].rstrip()

    @property
    def stub(self):
        """The source with the solution's lines replaced by a place to write in."""
        return re.sub(rf"{BEGIN}\n.*?{END}", TODO, self.source, flags=re.DOTALL)

    @property
    def answer(self):
        """The source without the marks."""
        return re.sub(rf"^ *({BEGIN}|{END})\n?", "", self.source, flags=re.MULTILINE).rstrip()


_EXERCISES = {}


def exercise(check, changes=(), none=False):
    """Make a function the solution of an exercise with its name; the options are `Exercise`'s."""

    def register(solution):
        _EXERCISES[solution.__name__] = Exercise(solution, check, changes, none)
        return solution

    return register


@cache
def exercises():
    """All exercises of the course, by the name of the function that the learner writes.

    Returns
    -------
    dict of str to Exercise
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _EXERCISES


def check(function):
    """Say whether a learner's function is right, and if not, what is wrong.

    Parameters
    ----------
    function : callable
        Has the name of an exercise.

    Returns
    -------
    callable
        The function itself if it is right; otherwise the solution, so that the notebook goes on.
    """
    known = exercises()
    if function.__name__ not in known:
        raise ValueError(
            "write your function with `def` and the name that the stub has: no exercise is called "
            f"{function.__name__!r}; there are {', '.join(sorted(known))}"
        )
    exercise = known[function.__name__]
    if _untouched(function, exercise):
        say(
            "○ Nothing there yet: write your code in place of the dots and run the cell again. "
            "Until then the solution stands in."
        )
        return exercise.solution
    try:
        say(f"✔ Right. {judge(function, exercise)}")
        return function
    except Wrong as wrong:
        say(f"✘ {wrong} Until it is right, the solution stands in.")
        return exercise.solution


def judge(function, exercise):
    """What the check of an exercise says of a right answer.

    Parameters
    ----------
    function : callable
    exercise : Exercise

    Returns
    -------
    str

    Raises
    ------
    Wrong
        If the answer is not right, whatever is wrong with it.
    """
    answers = []
    try:
        return exercise.check(_guarded(function, exercise, answers))
    except Wrong:
        raise
    except Exception as error:  # the check asked something of the answer that it is not
        got = described(answers[-1]) if answers else "nothing"
        raise Wrong(
            f"Your function returns {got}, and the check cannot use that "
            f"({type(error).__name__}: {error})."
        ) from error


def _untouched(function, exercise):
    """Whether a function compiles to what the stub compiles to, whatever its docstring says."""
    if not hasattr(function, "__code__"):  # wrapped by a decorator, such as functools.cache
        return False
    namespace = {}
    exec(exercise.stub, namespace)

    def body(function):
        code = function.__code__
        constants = [value for value in code.co_consts if value != function.__doc__]
        return code.co_code, constants, code.co_names

    return body(function) == body(namespace[function.__name__])


def _guarded(function, exercise, answers):
    """The function with its faults as `Wrong`, and what it returns kept in a list.

    Faults are errors, changed arguments, and None where a value should be.
    """
    names = list(inspect.signature(exercise.solution).parameters)

    def call(*arguments):
        # of one deep copy, so that what is shared between arguments stays shared
        own = copy.deepcopy([a for n, a in zip(names, arguments) if n not in exercise.changes])
        copies = iter(own)
        given = [a if n in exercise.changes else next(copies) for n, a in zip(names, arguments)]
        try:
            answer = function(*given)
        except Exception as error:
            simple = (int, float, str)
            plain = [f"{n} = {a!r}" for n, a in zip(names, given) if isinstance(a, simple)]
            called = f" It was called with {', '.join(plain)}." if plain else ""
            message = f"Your function stops with {type(error).__name__}: {error}.{called}"
            raise Wrong(message) from error
        answers.append(answer)
        for name, now, before in zip(names, given, arguments):
            if name not in exercise.changes and not _same(now, before):
                raise Wrong(
                    f"Your function changes its argument `{name}`. The notebook still needs it as "
                    f"it was. {_how_to_copy(before)}"
                )
        if answer is None and not exercise.none:
            raise Wrong(NO_RETURN)
        return answer

    return call


def _same(now, before):
    """Whether a value is what its copy was before."""
    if type(now) is not type(before):
        return False
    if torch.is_tensor(before):
        if (now.shape, now.dtype) != (before.shape, before.dtype):
            return False
        return now.requires_grad == before.requires_grad and _equal_arrays(now, before)
    if isinstance(before, np.ndarray):
        return now.shape == before.shape and np.array_equal(now, before, equal_nan=True)
    if isinstance(before, (pd.DataFrame, pd.Series)):
        axes = all(a.equals(b) and a.names == b.names for a, b in zip(now.axes, before.axes))
        return axes and now.equals(before)
    if isinstance(before, torch.nn.Module):
        state, mode = before.state_dict(), now.training == before.training
        return mode and _same(dict(now.state_dict()), dict(state))
    if isinstance(before, dict):
        return list(now) == list(before) and all(_same(now[key], before[key]) for key in before)
    if isinstance(before, (list, tuple)):
        return len(now) == len(before) and all(map(_same, now, before))
    return now == before


def _equal_arrays(now, before):
    if torch.equal(now, before):
        return True
    return now.is_floating_point() and torch.allclose(now, before, rtol=0, atol=0, equal_nan=True)


def _how_to_copy(value):
    if torch.is_tensor(value):
        return "Work on a copy: `.clone()` makes one, `.flatten()` and `.view()` do not."
    if isinstance(value, dict):
        return "Put what is new into a new dict, and into new tensors: `.clone()` copies one."
    if isinstance(value, torch.nn.Module):
        return "Read its parameters, and change none."
    return "Work on a copy: `.copy()` makes one."


def described(value):
    """An answer in the words of a message: what it is, and a short one itself.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if torch.is_tensor(value) and value.numel() > 1:
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray) and value.size > 1:
        return f"a NumPy array of shape {value.shape}"
    if isinstance(value, pd.DataFrame):
        return f"a data frame of shape {value.shape}"
    if isinstance(value, pd.Series):
        return f"a series of {len(value)} values"
    if isinstance(value, dict):
        return f"a dict with the names {list(value)}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)) and len(repr(value)) > 80:
        return f"a {type(value).__name__} of {len(value)} values"
    return textwrap.shorten(repr(value), 80)


def number(value):
    """An answer as a float; `Wrong` if it is not one number.

    Parameters
    ----------
    value : object

    Returns
    -------
    float
    """
    size = value.numel() if torch.is_tensor(value) else np.size(value)
    try:
        if size == 1 and not isinstance(value, (str, dict)):
            return float(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise Wrong(f"Return one number. You return {described(value)}.")


def is_row(answer, count):
    """Whether an answer is so many numbers in a row, such as a tuple or an array.

    Parameters
    ----------
    answer : object
    count : int

    Returns
    -------
    bool
    """
    try:
        return np.shape(answer) == (count,)
    except ValueError:  # its parts have different shapes
        return False


def mask_like(weight, mask, name=None):
    """An answer as a mask of a weight; `Wrong` if it is not a bool tensor of the weight's shape.

    Parameters
    ----------
    weight : torch.Tensor
    mask : object
        What the learner's function returns.
    name : str, optional
        Of the matrix, where there are several.

    Returns
    -------
    torch.Tensor
    """
    what = f"The mask of '{name}'" if name else "The mask"
    if isinstance(mask, np.ndarray):
        raise Wrong(
            f"{what} is a NumPy array. Return a torch tensor: `torch.from_numpy(mask)` makes one."
        )
    if not torch.is_tensor(mask):
        raise Wrong(f"{what} must be a tensor. You return {described(mask)}.")
    if mask.shape != weight.shape:
        raise Wrong(
            f"{what} must have its weight's shape {tuple(weight.shape)}. "
            f"Yours has the shape {tuple(mask.shape)}."
        )
    if mask.dtype != torch.bool:
        raise Wrong(
            f"{what} is of type {mask.dtype}. Return a bool tensor, as a comparison gives it: "
            "then ~mask is what is pruned."
        )
    return mask


def masks_like(weights, masks):
    """An answer as masks by name; `Wrong` if it is not a dict with a mask for each weight.

    Parameters
    ----------
    weights : dict of str to torch.Tensor
    masks : object

    Returns
    -------
    dict of str to torch.Tensor
    """
    if not isinstance(masks, dict):
        raise Wrong(
            f"Return a dict with a mask for each of {', '.join(weights)}. "
            f"You return {described(masks)}."
        )
    if masks.keys() != weights.keys():
        raise Wrong(
            f"Return a dict with a mask for each of {', '.join(weights)}. "
            f"Yours has the names {list(masks)}."
        )
    return {name: mask_like(weights[name], masks[name], name) for name in weights}
