"""The slow tier lists what there is, so that no renamed test slips into the fast one."""

import re
from pathlib import Path
from types import SimpleNamespace

import tiers

FOLDER = Path(__file__).parent


def test_the_lists_name_what_there_is():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}
    functions = set(re.findall(r"^def (\w+)\(", "\n".join(sources.values()), re.MULTILINE))
    assert sources.keys() >= tiers.FILES | {tiers.FIRST}
    assert functions >= tiers.TESTS | tiers.FIXTURES


def test_file_name_and_fixtures_make_a_test_slow():
    def item(file, name="test_it", fixtures=()):
        return SimpleNamespace(path=Path(f"{file}.py"), name=name, fixturenames=fixtures)

    assert not tiers.is_slow(item("test_pruning"))
    assert tiers.is_slow(item("test_browser"))
    assert tiers.is_slow(item("test_cli", "test_from_a_shell"))
    assert tiers.is_slow(item("test_cli", fixtures=("tmp_path", "micro")))
