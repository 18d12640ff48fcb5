"""Rooms by reader: imports run downwards and in no circle, and what the walks name is there."""

import ast
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import helpers

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
ABOVE = ("helpers.lesson", "helpers.lab", "helpers.experiment", "tools")
WALKS = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def name_of(path):
    """The dotted name of a module's file."""
    parts = path.relative_to(SOURCE if SOURCE in path.parents else ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = [*SOURCE.glob("helpers/**/*.py"), *ROOT.glob("tools/*.py")]
MODULES = {name_of(path): path for path in PATHS if "assets" not in path.parts}
LEARNERS = [
    name
    for name in MODULES
    if name.startswith("helpers.") and not name.startswith((*ABOVE, "helpers.cost"))
]


def is_type_checking(test):
    """Whether the test of an ``if`` is ``TYPE_CHECKING``, which is never true at run time."""
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def imports(source, module, package):
    """The dotted names that a source imports, inside of functions too.

    Parameters
    ----------
    source : str
    module : str
        The name of the module.
    package : bool
        Whether it is a package's ``__init__``.

    Returns
    -------
    set of str
        What ``from x import y`` names is both "x" and "x.y": y may be a module. What is imported
        for annotations only, under ``if TYPE_CHECKING:``, is left out: nothing loads it.
    """
    found, tree = set(), ast.parse(source)
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and is_type_checking(n.test)]
    unloaded = {child for block in for_types for child in block.body}
    for node in ast.walk(tree):
        if node in unloaded:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = module.split(".")[: len(module.split(".")) - node.level + package]
            base = ".".join([*(up if node.level else []), *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
            if any(f"{base}.{alias.name}" not in MODULES for alias in node.names):
                found.add(base)
    return found


IMPORTS = {
    name: imports(path.read_text(encoding="utf-8"), name, path.stem == "__init__")
    for name, path in MODULES.items()
}


def reached(name):
    """All that a module imports, directly or by what it imports of the course."""
    found, waiting = set(), {name}
    while waiting:
        new = IMPORTS.get(waiting.pop(), set()) - found
        found |= new
        waiting |= new
    return found


def of(names, *packages):
    """Those of the names that are one of the packages or lie in it."""
    return {name for name in names if any(f"{name}.".startswith(f"{p}.") for p in packages)}


def test_imports_are_found():
    source = (
        "import torch.nn\nfrom . import plots\nfrom ..lab.runs import Run\n"
        "def later():\n    from tools import links\n"
        "if TYPE_CHECKING:\n    import transformers\nelse:\n    import accelerate"
    )
    found = imports(source, "helpers.cost.new", package=False)
    assert found == {
        "torch.nn",
        "helpers.cost",
        "helpers.cost.plots",
        "helpers.lab.runs",
        "helpers.lab.runs.Run",
        "tools.links",
        "accelerate",
    }
    assert "helpers.plots" in imports("from . import plots", "helpers", package=True)
    assert len(MODULES) > 40 and "helpers.pruning" in LEARNERS and "helpers.lab" not in LEARNERS


def test_no_import_goes_round_in_a_circle():
    try:
        TopologicalSorter({name: IMPORTS[name] & set(MODULES) for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1][::-1]))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learners_room_knows_nothing_of_what_is_built_on_it(name):
    assert not of(IMPORTS[name], *ABOVE)


@pytest.mark.parametrize(
    "room, unknown",
    [
        ("helpers.plots", ("helpers.training", "transformers", "accelerate")),
        ("helpers.pocket", ("torch",)),
        ("helpers.conditions", ("torch", "helpers")),
        *((name, ("helpers.lesson", "tools")) for name in MODULES if of({name}, "helpers.lab")),
        *((name, ("helpers.lab", *ABOVE)) for name in MODULES if of({name}, "helpers.cost")),
        *((name, ("tools",)) for name in MODULES if of({name}, "helpers")),
    ],
)
def test_arrows_run_downwards(room, unknown):
    assert not of(reached(room), *unknown)


@pytest.mark.slow
def test_figures_load_no_trainer():
    """The same by trying it: no package that figures need brings the Trainer in, either."""
    code = "import sys, helpers.plots; print({'transformers', 'accelerate'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_map_names_every_room():
    named = set(re.findall(r"^ *(\w+(?:, \w+)*)  ", helpers.__doc__, re.MULTILINE))
    words = {word for line in named for word in line.split(", ")}
    top = {m.name for m in pkgutil.iter_modules(helpers.__path__)} - {"experiment", "assets"}
    assert words >= top and not words - top - set(sys.stdlib_module_names)
    assert len(helpers.__doc__.splitlines()) <= 40


def names(text):
    """The dotted names of the course's own functions and modules in a text of Markdown."""
    return re.findall(r"`((?:helpers|tools)(?:\.\w+)+)(?:\([^`]*\))?`", text)


@pytest.mark.parametrize("path", WALKS, ids=lambda path: path.name)
def test_what_documents_name_is_there(path):
    for name in names(path.read_text(encoding="utf-8")):
        pkgutil.resolve_name(name)


def test_a_name_that_is_missing_is_noticed():
    (name,) = names("then `helpers.pruning.no_such_mask(weight)` is called")
    with pytest.raises(AttributeError, match="no_such_mask"):
        pkgutil.resolve_name(name)


def test_there_are_three_walks():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    walks = text.partition("\n## Three walks")[2].partition("\n## ")[0].split("\n### ")[1:]
    assert len(walks) == 3 and all(len(names(walk)) >= 5 for walk in walks)


def public_functions(name):
    """The public functions of a module, and the public methods of its public classes."""
    for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            inside = [(f"{node.name}.", child) for child in node.body]
        else:
            inside = [("", node)]
        for prefix, child in inside:
            if isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
                yield f"{prefix}{child.name}", child


def arguments(function):
    """The arguments of a function's syntax tree that a caller gives by name or place."""
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [arg for arg in given if arg.arg not in ("self", "cls")]


CALLBACK = re.compile(r"\.on_\w+$")  # its signature is the Trainer's
ROOMS = sorted([*LEARNERS, *(name for name in MODULES if of({name}, "helpers.cost"))])


@pytest.mark.parametrize("name", ROOMS)
def test_public_functions_are_annotated(name):
    bare = []
    for function, node in public_functions(name):
        annotated = node.returns is not None and all(arg.annotation for arg in arguments(node))
        if not annotated and not CALLBACK.search(function):
            bare.append(function)
    assert not bare


# an exercise's solution has the short docstring of its stub
DESCRIBED = [name for name in MODULES if "." in name and not of({name}, "helpers.lesson.exercises")]


@pytest.mark.parametrize("name", DESCRIBED)
def test_docstrings_give_three_or_more_parameters(name):
    silent = []
    for function, node in public_functions(name):
        given = [arg.arg for arg in arguments(node)]
        said = ast.get_docstring(node) or ""
        named = all(re.search(rf"\b{arg}\b", said) for arg in given)
        if len(given) >= 3 and not named and not CALLBACK.search(function):
            silent.append(function)
    assert not silent


EXAMPLE = re.compile(r"^ *>>> (?!.*\+SKIP)", re.MULTILINE)
WITH_EXAMPLES = [name for name in MODULES if EXAMPLE.search(MODULES[name].read_text("utf-8"))]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name):
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert attempted and not failed
