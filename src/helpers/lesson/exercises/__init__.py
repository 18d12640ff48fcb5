"""Exercises: one source for the stub, the solution and the check of each.

The exercises of a notebook stand in the module of its name. A solution is an ordinary function; what the learner is to
write lies between ``### BEGIN SOLUTION`` and ``### END SOLUTION``. ``python -m tools.exercises`` copies stubs and
solutions into the notebooks, and a test fails where they differ.

A check never raises and never stops a notebook: an exercise that is not solved goes on with its solution.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import Callable

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
        Called with the learner's function; raises `Wrong`, or returns a sentence that says what is right.
    """

    solution: Callable
    check: Callable

    @property
    def _source(self):
        source = textwrap.dedent(inspect.getsource(self.solution))
        return source[source.index("def ") :].rstrip()

    @property
    def stub(self):
        """The source with the solution's lines replaced by a place to write in."""
        return re.sub(rf"{BEGIN}\n.*?{END}", TODO, self._source, flags=re.DOTALL)

    @property
    def answer(self):
        """The source without the marks."""
        return re.sub(rf"^ *({BEGIN}|{END})\n?", "", self._source, flags=re.MULTILINE).rstrip()


_EXERCISES = {}


def exercise(check):
    """Make a function the solution of an exercise with its name."""

    def register(solution):
        _EXERCISES[solution.__name__] = Exercise(solution, check)
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
            f"no exercise is called {function.__name__!r}; there are {', '.join(sorted(known))}"
        )
    exercise = known[function.__name__]
    if _untouched(function, exercise):
        print(
            "○ Nothing there yet: write your code in place of the dots and run the cell again. Until then the solution stands in."
        )
        return exercise.solution
    answers = []
    try:
        print(f"✔ Right. {exercise.check(_guarded(function, answers))}")
        return function
    except Wrong as error:
        wrong = error
    except Exception as error:  # the check asked something of the answer that it is not
        wrong = f"Your function returns {answers[-1]!r}, and the check cannot use that ({type(error).__name__}: {error})."
    print(f"✘ {wrong} Until it is right, the solution stands in.")
    return exercise.solution


def _untouched(function, exercise):
    """Whether a function compiles to what the stub compiles to."""
    namespace = {}
    exec(exercise.stub, namespace)
    code, stub = function.__code__, namespace[function.__name__].__code__
    return (code.co_code, code.co_consts, code.co_names) == (
        stub.co_code,
        stub.co_consts,
        stub.co_names,
    )


def _guarded(function, answers):
    """The function with its errors as `Wrong`, and what it returns kept in a list."""

    def call(*arguments, **options):
        try:
            answers.append(function(*arguments, **options))
        except Exception as error:
            raise Wrong(f"Your function stops with {type(error).__name__}: {error}.") from error
        return answers[-1]

    return call
