"""How many mutated answers the checks of the exercises catch, for authors.

``python tools/mutants.py [EXERCISE ...] [--show]`` changes the solution of each exercise, and the
other right answer in ``tests/right_answers``, one place at a time: comparisons, operators,
constants, reductions, functions, arguments, statements, a dropped ``return``, an argument changed
in place. It prints how many of these mutants the check catches, and with ``--show`` those that
pass. A mutant that is a right answer all the same stands in ``tools/equivalent_mutants.txt``, with
the reason; a test holds the share of the others that is caught.
"""

import argparse
import ast
import contextlib
import copy
import importlib
import inspect
import io
import itertools
import math
import multiprocessing
import pkgutil
import sys
import textwrap
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import right_answers  # noqa: E402

from helpers.lesson import exercises  # noqa: E402

TIMEOUT = 20  # seconds for one mutant; one that takes longer is stopped, and counts as caught


def read_equivalent(path=ROOT / "tools" / "equivalent_mutants.txt"):
    """The table of mutants that are right answers all the same.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of (str, str) to str
        The key of a mutant → why it is right.
    """
    table, name, reason, before = {}, None, None, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("- "):
            before = line[2:]
        elif line.startswith("+ "):
            table[name, f"{before} → {line[2:]}"] = reason
        elif line and not line.startswith("#"):
            name, reason = line.split(": ", 1)
    return table


EQUIVALENT = read_equivalent()

ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
COMPARED = dict.fromkeys(ORDER, ORDER) | {
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
CALCULATED = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Div),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult, ast.FloorDiv, ast.Sub),
    ast.FloorDiv: (ast.Div, ast.Mod, ast.Mult),
    ast.Mod: (ast.FloorDiv, ast.Mult),
    ast.Pow: (ast.Mult, ast.Add),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
    ast.BitXor: (ast.BitAnd, ast.BitOr),
}
COMMUTE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
# names that are exchanged for one another, as functions and as methods
FAMILIES = (
    ("sum", "mean", "max", "min", "median", "std", "norm"),
    ("argmax", "argmin"),
    ("any", "all"),
    ("cumprod", "cumsum", "cummax"),
    ("exp", "expm1", "exp2", "log"),
    ("square", "sqrt", "abs"),
    ("std", "var"),
    ("log_softmax", "softmax"),
    ("ones", "zeros"),
    ("ones_like", "zeros_like"),
    ("rand", "ones"),
    ("ppf", "cdf"),
    ("sem", "tstd"),
    ("argsort", "sort"),
    ("dropna", "fillna"),
    ("pearsonr", "spearmanr"),
    ("endswith", "startswith"),
    ("iterrows", "items"),
    ("notna", "isna"),
)
BUILTINS = ("sum", "max", "min", "len")
ROUNDED = ("round", "int", "math.floor", "math.ceil")
SHAPED = ("len", "ones_like", "zeros_like")  # the values of their argument do not matter
IN_PLACE = ("abs", "square", "sqrt", "pow")


@dataclass(frozen=True)
class Mutant:
    """A changed answer.

    Attributes
    ----------
    exercise : str
    change : str
        The lines that were changed, before and after.
    source : str
    module : str
        Where its code finds the names that it uses.
    """

    exercise: str
    change: str
    source: str
    module: str

    @property
    def key(self):
        """What it is called in `EQUIVALENT`."""
        return self.exercise, self.change


def mutants(name):
    """All mutants of an exercise's two right answers, each once.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of Mutant
    """
    exercise, found = exercises.exercises()[name], {}
    for source, module in _answers(name):
        for mutated, change in _mutations(source, exercise):
            found.setdefault(change, Mutant(name, change, mutated, module))
    return list(found.values())


def _answers(name):
    """Sources and modules of the solution and the other right answer."""
    exercise, other = exercises.exercises()[name], _other(name)
    yield exercise.source, exercise.solution.__module__
    yield textwrap.dedent(inspect.getsource(vars(other)[name])), other.__name__


def _other(name):
    for module in pkgutil.iter_modules(right_answers.__path__):
        module = importlib.import_module(f"{right_answers.__name__}.{module.name}")
        if name in vars(module):
            return module
    raise ValueError(f"no module of {right_answers.__name__} has a function {name}")


def _mutations(source, exercise):
    """Pairs of a mutated source and what was changed."""
    lines = source.splitlines()
    marks = [number for number, line in enumerate(lines, 1) if line.strip().startswith("### ")]
    first = marks[0] if marks else 1  # what the stub has already is not mutated
    tree = ast.parse(source)
    function = tree.body[0]
    if ast.get_docstring(function):
        function.body.pop(0)
    original = ast.unparse(tree)
    parameters = [argument.arg for argument in function.args.args]
    texts = dict.fromkeys(n.value for n in ast.walk(function) if _is_text(n))
    for parent in list(ast.walk(function)):
        for field, value in list(ast.iter_fields(parent)):
            places = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, node in places:
                if not isinstance(node, ast.AST) or getattr(node, "lineno", first) < first:
                    continue
                for new in _replacements(node, parameters, texts):
                    _put(parent, field, index, new)
                    mutated = ast.unparse(ast.fix_missing_locations(tree))
                    _put(parent, field, index, node)
                    if mutated != original and _compiles(mutated):
                        yield mutated, _change(original, mutated)
    yield from _spoiling(original, exercise, parameters)


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _put(parent, field, index, node):
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _compiles(source):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _change(before, after):
    """The lines that differ, before and after."""
    before, after = before.splitlines(), after.splitlines()
    for end in (0, -1):  # leave out what is the same at the beginning and at the end
        while before and after and before[end] == after[end]:
            before.pop(end), after.pop(end)
    return " → ".join("; ".join(map(str.strip, lines)) for lines in (before, after))


def _replacements(node, parameters, texts) -> Iterable[ast.AST]:
    """What may stand in place of a node."""
    if isinstance(node, ast.stmt):
        yield from _statements(node)
    elif isinstance(node, ast.Compare):
        for other in COMPARED[type(node.ops[0])]:
            if other is not type(node.ops[0]):
                yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield from node.values
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp):
        for other in CALCULATED[type(node.op)]:
            yield ast.BinOp(node.left, other(), node.right)
        yield from (node.left, node.right)
        if not isinstance(node.op, COMMUTE):
            yield ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.Constant):
        yield from map(ast.Constant, _constants(node.value, texts))
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        others = [other for other in parameters if other != node.id]
        yield from (ast.Name(other, ast.Load()) for other in others if node.id in parameters)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value
    elif isinstance(node, ast.Attribute) and ".kthvalue(" in ast.unparse(node):
        values = ast.unparse(node).split(".kthvalue(")[0]
        for other in ("quantile(sparsity)", "median()", "sort().values[count]"):
            yield ast.parse(f"{values}.{other}", mode="eval").body
    elif isinstance(node, ast.Slice):
        yield ast.Slice(node.upper, node.lower, node.step)
        yield ast.Slice(*(_off_by(part, 1) for part in (node.lower, node.upper)))
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse, ast.IfExp(node.test, node.orelse, node.body))
    elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        for i in range(len(node.elts) - 1):
            yield type(node)(_swapped(node.elts, i), node.ctx)
        for i in range(len(node.elts)):
            yield type(node)(node.elts[:i] + node.elts[i + 1 :], node.ctx)
    elif isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield ast.comprehension(node.target, node.iter, node.ifs[:i] + node.ifs[i + 1 :], 0)
        for part in ("[1:]", "[:-1]"):
            yield ast.comprehension(node.target, _part(node.iter, part), node.ifs, 0)
    elif isinstance(node, ast.Call):
        yield from _calls(node)


def _statements(node):
    if isinstance(node, ast.Return):
        yield ast.Expr(node.value)
    elif not isinstance(node, ast.FunctionDef):
        yield ast.Pass()
    if isinstance(node, ast.If):
        for test in (ast.UnaryOp(ast.Not(), node.test), ast.Constant(True), ast.Constant(False)):
            yield ast.If(test, node.body, node.orelse)
    if isinstance(node, ast.For):
        for part in ("[1:]", "[:-1]"):
            yield ast.For(node.target, _part(node.iter, part), node.body, node.orelse)
    if isinstance(node, ast.AugAssign):
        for other in CALCULATED[type(node.op)]:
            yield ast.AugAssign(node.target, other(), node.value)
    if isinstance(node, (ast.Break, ast.Continue)):
        yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()


def _part(iterable, part):
    """Of what a loop goes over, all but the first or the last."""
    return ast.parse(f"list({ast.unparse(iterable)}){part}", mode="eval").body


def _swapped(nodes, i):
    return [*nodes[:i], nodes[i + 1], nodes[i], *nodes[i + 2 :]]


def _off_by(node, step):
    return None if node is None else ast.BinOp(node, ast.Add(), ast.Constant(step))


def _constants(value, texts):
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return [new for new in dict.fromkeys((value + 1, value - 1, -value, 0)) if new != value]
    if isinstance(value, float):
        return [new for new in (2 * value, value / 2, 1 - value, value + 1, 0.0) if new != value]
    if isinstance(value, str):
        return [new for new in ("", f"{value}_", *texts) if new != value]
    return (0,) if value is None else ()


def _calls(node):
    """Other functions, fewer arguments, arguments in another order or off by one."""
    called = node.func
    plain = not isinstance(called, ast.Attribute)
    name = called.attr if not plain else getattr(called, "id", "")
    text = ast.unparse(called)
    for family in FAMILIES if not plain else (BUILTINS,):
        for other in family if name in family else ():
            if other != name:
                new = (
                    ast.Name(other, ast.Load())
                    if plain
                    else ast.Attribute(called.value, other, ast.Load())
                )
                yield ast.Call(new, node.args, node.keywords)
    if text in ROUNDED:
        for other in ROUNDED:
            if other != text:
                yield ast.Call(ast.parse(other, mode="eval").body, node.args, node.keywords)
    if name in IN_PLACE and not node.args and not plain:
        new = ast.Attribute(called.value, f"{name}_", ast.Load())
        yield ast.Call(new, node.args, node.keywords)
    if not plain:  # without the call: x.f() → x, np.f(x) → x
        yield called.value
    yield from node.args
    for i in range(len(node.args)):
        yield ast.Call(called, node.args[:i] + node.args[i + 1 :], node.keywords)
        if isinstance(node.args[i], ast.Name) and name not in SHAPED:
            for step in (1, -1):
                args = list(node.args)
                args[i] = _off_by(args[i], step)
                yield ast.Call(called, args, node.keywords)
    for i in range(len(node.args) - 1):
        yield ast.Call(called, _swapped(node.args, i), node.keywords)
    for i in range(len(node.keywords)):
        yield ast.Call(called, node.args, node.keywords[:i] + node.keywords[i + 1 :])


def _spoiling(original, exercise, parameters):
    """The answer as it is, but each argument that can be changed is changed afterwards."""
    name = exercise.solution.__name__
    given = _first_arguments(exercise)
    for parameter in parameters:
        if parameter in exercise.changes or not spoil(copy.deepcopy(given[parameter])):
            continue
        head, listed = f"def {name}(", ", ".join(parameters)
        yield (
            f"{original.replace(head, 'def unspoilt(', 1)}\n\n\n{head}{listed}):\n"
            f"    answer = unspoilt({listed})\n    spoil({parameter})\n    return answer",
            f"{parameter} → changed in place",
        )


def _first_arguments(exercise):
    """What the check passes first, by the name of the parameter."""
    seen = []

    def record(*arguments):
        seen.append(arguments)
        return exercise.solution(*arguments)

    exercise.check(record)
    return dict(zip(inspect.signature(exercise.solution).parameters, seen[0]))


def spoil(value):
    """Change a value in place, if it can be changed.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool
        Whether it was changed.
    """
    if torch.is_tensor(value):
        flat = value.detach().view(-1)
        flat[0] = ~flat[0] if flat.dtype == torch.bool else flat[0] + 1
    elif isinstance(value, np.ndarray):
        value.flat[0] += 1
    elif isinstance(value, (pd.DataFrame, pd.Series)):
        value.iloc[0] += 1
    elif isinstance(value, list):
        value.append(value[0])
    elif isinstance(value, dict):
        return spoil(next(iter(value.values())))
    elif isinstance(value, torch.nn.Module):
        return spoil(next(value.parameters()))
    elif hasattr(value, "vocab_size"):
        value.vocab_size += 1
    else:
        return False
    return True


def outcome(mutant):
    """What the check makes of a mutant.

    Parameters
    ----------
    mutant : Mutant

    Returns
    -------
    str
        "right", "wrong", or "error" where the mutant itself stops with one.
    """
    module = importlib.import_module(mutant.module)
    scope = {**vars(module), "math": math, "spoil": spoil}
    exercise = exercises.exercises()[mutant.exercise]
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(mutant.source, scope)
            exercises.judge(scope[mutant.exercise], exercise)
    except exercises.Wrong as wrong:
        return "error" if str(wrong).startswith("Your function stops with") else "wrong"
    except SystemExit:
        return "error"
    return "right"


def outcomes(found, timeout=TIMEOUT):
    """The outcomes of mutants, in order.

    They are tried in a process of its own, which is ended where one takes too long.

    Parameters
    ----------
    found : list of Mutant
    timeout : float
        Seconds for one mutant.

    Returns
    -------
    list of str
        As of `outcome`, or "stopped".
    """
    context = multiprocessing.get_context("spawn")  # a fork may not use what torch has started
    done = []
    while len(done) < len(found):
        receive, send = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(found[len(done) :], send), daemon=True)
        worker.start()
        send.close()
        try:
            receive.recv()  # it has started, which takes some seconds
            while len(done) < len(found) and receive.poll(timeout):
                done.append(receive.recv())
            stopped = len(done) < len(found)
        except EOFError:  # the process has crashed
            stopped = True
        if stopped:
            done.append("stopped")
        worker.kill()
        worker.join()
    return done


def _work(found, send):
    torch.set_num_threads(1)
    exercises.exercises()
    send.send("ready")
    for mutant in found:
        send.send(outcome(mutant))


def report(names=None):
    """How many mutants of each exercise there are, and how many are caught.

    Parameters
    ----------
    names : list of str, optional
        Default all exercises.

    Returns
    -------
    pandas.DataFrame
        A row for each exercise, and the columns ``mutants``, ``errors`` (caught because they stop
        with an error or take too long), ``caught`` (those included), ``equivalent``, ``share`` (of
        the mutants that are not equivalent, in %), and ``running`` (the same without the errors).
    dict of str to list of Mutant
        Those that pass and are not equivalent.
    list of tuple
        Keys of `EQUIVALENT` that are caught, or are no mutants at all.
    """
    names = names or sorted(exercises.exercises())
    rows, missed, stale = {}, {}, []
    unchanged = [Mutant(name, "", *answer) for name in names for answer in _answers(name)]
    changed = {name: mutants(name) for name in names}
    tried = [*unchanged, *itertools.chain(*changed.values())]
    results = list(zip(tried, outcomes(tried)))
    refused = [mutant.exercise for mutant, said in results[: len(unchanged)] if said != "right"]
    if refused:
        raise RuntimeError(f"a right answer is refused: {', '.join(refused)}")
    results = {mutant.key: said for mutant, said in results[len(unchanged) :]}
    for name, found in changed.items():
        passed = [mutant for mutant in found if results[mutant.key] == "right"]
        missed[name] = [mutant for mutant in passed if mutant.key not in EQUIVALENT]
        stale += [key for key in EQUIVALENT if key[0] == name and results.get(key) != "right"]
        stops = sum(results[mutant.key] in ("error", "stopped") for mutant in found)
        equivalent = len(passed) - len(missed[name])
        rows[name] = [len(found), stops, len(found) - len(passed), equivalent]
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["mutants", "errors", "caught", "equivalent"]
    )
    table.loc["all"] = table.sum()
    wrong = table.mutants - table.equivalent
    table["share"] = 100 * table.caught / wrong
    table["running"] = 100 * (table.caught - table.errors) / (wrong - table.errors)
    return table, missed, stale


def main():
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="EXERCISE", help="default: all")
    parser.add_argument("--show", action="store_true", help="print the mutants that pass")
    options = parser.parse_args()
    table, missed, stale = report(options.names)
    print(table.to_string(float_format="%.1f"))
    for mutant in itertools.chain(*missed.values()) if options.show else ():
        print(f"passes: {mutant.exercise}: {mutant.change}")
    for key in stale:
        print(f"no equivalent mutant (any more): {': '.join(key)}")


if __name__ == "__main__":
    main()
