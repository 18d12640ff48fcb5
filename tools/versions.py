"""The oldest or the newest versions that pyproject.toml allows, as constraints for pip.

``python -m tools.versions oldest`` prints them; ``make versions-check`` tests the course with both.
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

AGES = ("oldest", "newest")


def constraints(project: dict, age: str) -> list[str]:
    """The constraints for an age, one a package.

    Parameters
    ----------
    project : dict
        The table ``project`` of pyproject.toml.
    age : {"oldest", "newest"}

    Returns
    -------
    list of str
        Oldest: the lower bound of each package, with its latest fixes (``torch==2.11.*``). Newest:
        the range as it is, of which pip takes the newest.

    Raises
    ------
    ValueError
        If there is no such age.
    """
    if age not in AGES:
        raise ValueError(f"unknown age {age!r}; choose one of {', '.join(AGES)}")
    lines = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    packages = [Requirement(line) for line in lines]
    return [f"{p.name}{_oldest(p.specifier) if age == 'oldest' else p.specifier}" for p in packages]


def _oldest(ranges):
    """The pin to the lower bound; a bound with a fix in it, such as 0.4.6, stays what it is."""
    lowest = Version(next(bound.version for bound in ranges if bound.operator == ">="))
    exact = len(lowest.release) > 2
    return f"=={lowest}" if exact else f"=={lowest.major}.{lowest.minor}.*"


def main(arguments: list[str]) -> int:
    """Print the constraints; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in AGES:
        print(f"python -m tools.versions {'|'.join(AGES)}; got {arguments}", file=sys.stderr)
        return 2
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    print("\n".join(constraints(project, arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
