"""Wrong words on the command line and damaged files, made up by hypothesis; nothing is trained.

Each is an error that names what is wrong, or a file that heals: never a traceback, never a wrong
row without a word.
"""

import contextlib
import dataclasses
import io
import json
import warnings

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import machine, pruning, reference
from helpers.lab import estimate, experiment, export, results, values
from helpers.lab.__main__ import main
from helpers.lab.runs import Run, as_tuples
from helpers.lab.store import COLUMNS, RunStore

few = settings(max_examples=30, deadline=None, derandomize=True)


def record(condition, sparsity, seed):
    """A finished run as the store files it; its number is made up."""
    run = Run(condition, "cola", sparsity, seed, profile="tiny")
    row = {name: getattr(run, name, None) for name in COLUMNS}
    row |= {"profile": "tiny", "model": run.profile.model, "metric": "accuracy", "value": 0.625}
    note = machine.provenance() | {"train_rows": 1, "dev_rows": 1, "wall_seconds": 1.5}
    return run.key, {"rows": [row], "run": dataclasses.asdict(run), "provenance": note}


# The command line

junk = st.text("abcxyzäß#%&!+", max_size=8).map("x{}".format)  # the name of nothing
no_number = junk | st.sampled_from(["nan", "inf", "1e999", "", " ", "1,2", "0x10", "½"])
no_count = no_number | st.integers(-(10**9), -1).map(str) | st.sampled_from(["0.5", "1e3", "2.0"])
no_share = no_number | st.sampled_from(["-1", "-0.1", "1", "60"])
SWEEP, RAY = ("run", "plan"), ("run --ray", "plan --ray")
JUDGE, EXPORT, TASKS = ("judge table.csv",), ("export store new",), ("tasks data.csv",)
REVIEW, STARS = ("tasks data.csv text=review",), ("tasks data.csv label=stars",)
BOTH = ("tasks data.csv text=review label=stars",)
# commands, the word in which {} is wrong, values of it, and what the error must name
BAD = [
    (SWEEP, "--profile={}", junk, "profile", "'{}'", "tiny, small, paper"),
    (SWEEP, "--model={}", junk, "{}", "HUB_MIRROR"),
    (SWEEP, "--conditions={}", junk, "condition", "'{}'", "prune_pretrain"),
    (SWEEP, "--tasks={}", junk, "task", "'{}'", "cola, sst2"),
    (SWEEP, "--sparsities={}", no_share, "--sparsities", "'{}'", "[0, 1)"),
    (SWEEP, "--seeds={}", no_count, "--seeds", "'{}'", "0 to 2**32 - 1"),
    (SWEEP, "--seeds={}", st.integers(2**32).map(str), "--seeds", "{}", "0 to 2**32 - 1"),
    (SWEEP, "--learning-rates={}", no_number, "--learning-rates", "'{}'", "above 0"),
    (SWEEP, "--learning-rates={}", st.floats(1.5).map(str), "-rates", "{}", "at most 1"),
    (SWEEP, "--jobs={}", no_count | st.just("0"), "--jobs", "'{}'", "at least 1"),
    (SWEEP, "--gpus={}", st.sampled_from("12"), "--gpus", "{}", "--ray"),
    (SWEEP, "--ray={}", junk | st.sampled_from(["", "a:99999", "a:b"]), "--ray", "'{}'", "HOST:"),
    (RAY, "--cpus={}", no_number, "--cpus", "'{}'", "at least 0"),
    (RAY, "--gpus={}", no_number | st.just("1.5"), "--gpus", "'{}'", "fraction of one GPU"),
    (SWEEP, "--out={}", st.just(""), "--out", "''", "not empty"),
    (SWEEP, "--out={}", st.just("file"), "file", "folder that you may write to"),
    (SWEEP, "--task=text={}", junk, "data="),
    (SWEEP, "--task={}.csv", junk, "{}.csv", "no file"),
    (SWEEP, "--set={}", junk, "--set", "'{}'", "FIELD=VALUE"),
    (SWEEP, "--set={}=1", junk, "--set", "'{}'", "ramp_steps"),
    (SWEEP, "{}", junk, "{}", "no file", "TOML"),
    (SWEEP, "--{}", junk, "--{}", "--help"),
    (("judge",), "{}", junk, "{}", "CSV with the columns profile, model"),
    (JUDGE, "{}", st.just("table.csv"), "'table.csv'", "MINE="),
    (JUDGE, "--claims={}", no_count | st.sampled_from(["0", "99"]), "--claims", "'{}'", "1 to "),
    (JUDGE, "--figure={}", junk, "--figure", "'{}'", "png"),
    (JUDGE, "--figure={}/a.png", junk, "--figure", "'{}/a.png'", "in a folder"),
    (("export store",), "{}", st.sampled_from(["file", "store"]), "{}", "overwrite"),
    (("export",), "{}", junk, "FOLDER", "--help"),
    (("export file",), "{}", junk, "file", "no run store"),
    (EXPORT, "--condition={}", junk, "--condition", "'{}'", "prune_pretrain"),
    (EXPORT, "--sparsity={}", no_share, "--sparsity", "'{}'", "[0, 1)"),
    (EXPORT, "--seed={}", no_count, "--seed", "'{}'", "0 to 2**32 - 1"),
    (EXPORT, "--seed={}", st.sampled_from("789"), "seed {}", "it has prune_pretrain 0.5 (seed 0"),
    (EXPORT, "--model={}", junk, "model {}", "it has prune_pretrain 0.5 (seed 0"),
    (EXPORT, "--license={}", st.sampled_from(["", "a b", "%"]), "--license", "'{}'", "apache-2.0"),
    (("tasks",), "{}.csv", junk, "{}.csv", "no file"),
    (TASKS, "{}", junk, "'{}'", "FIELD=VALUE", "validation"),
    (TASKS, "{}=1", junk, "'{}=1'", "FIELD=VALUE", "validation"),
    (STARS, "text={}", junk, "{}", "review, stars", "text="),
    (STARS, "text=review,{}", st.just("review") | junk.map("a,{}".format), "review", "pair"),
    (REVIEW, "label={}", junk, "{}", "review, stars", "label="),
    (BOTH, "name={}/", junk, "'{}/'", "letters, digits"),
    (BOTH, "train={}", junk, "'{}'", "it has train"),
    (BOTH, "config={}", junk, "'{}'", "no configuration"),
    (BOTH, "metric={}", junk, "'{}'", "accuracy, f1"),
    (BOTH, "labels={}", junk, "labels=", "{}", "two names"),
    (BOTH, "validation={}", junk | st.just("."), "'{}'", "it has train"),
    (BOTH, "validation={}", st.sampled_from(["2.0", "0.0", "-0.5", "nan"]), "{}", "between 0 and"),
    (BOTH, "text={}", junk, "text=", "'{}'", "twice"),
    (("conditions", "tasks", "judge x", "export x y"), "--{}", junk, "--{}", "--help"),
    (("",), "{}", junk, "'{}'", "judge", "export"),
]


def invocations(commands, word, values, *named):
    """Words of a command line, and what its error must name."""
    return st.tuples(st.sampled_from(commands), values).map(
        lambda drawn: (
            [*drawn[0].split(), word.format(drawn[1])],
            [name.format(drawn[1]) for name in named],
        )
    )


def wrong_fields(part, name, rule):
    """``--set`` with what a field's rule does not allow."""
    values = [-1, 0, 1.5, 10**6, "many", True, None, [], [1], [[0.5, 1]], {"a": 1}]
    texts = [
        json.dumps(value)
        for value in values
        if isinstance(value, dict) or not rule[0](as_tuples(value))
    ]
    return invocations(SWEEP, f"--set={part}.{name}={{}}", st.sampled_from(texts), name, "must be")


FIELDS = [(p, n, rule) for p, rules in values.RULES.items() for n, rule in rules.items()]
INVOCATIONS = st.one_of(
    st.one_of(*(invocations(*bad) for bad in BAD)),
    st.one_of(*(wrong_fields(*field) for field in FIELDS if field[2] is not values.NAME)),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A working folder with the files that `BAD` names, in which no work may be begun."""
    folder = tmp_path_factory.mktemp("here")
    texts = pd.DataFrame({"review": [f"a{n} b" for n in range(30)], "stars": ["good", "bad"] * 15})
    texts.to_csv(folder / "data.csv", index=False)
    reference.rows("minilm").to_csv(folder / "table.csv", index=False)
    (folder / "file").write_text("no folder")
    RunStore(folder / "store").write(*record("prune_pretrain", 0.5, 0))
    never = lambda *values, **options: pytest.fail("work was begun")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for module, name in [
            (experiment, "carry_out"),
            (estimate, "tell_costs"),
            (estimate, "range_test"),
            (export, "export_model"),
        ]:
            patch.setattr(module, name, never)
        yield folder


@settings(max_examples=250, deadline=None, derandomize=True)
@given(INVOCATIONS)
def test_wrong_words_are_one_line_that_names_them(here, invocation):
    words, named = invocation
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        with pytest.raises(SystemExit) as stopped:
            main(words)
    (line,) = said.getvalue().strip().splitlines()
    assert stopped.value.code == 2 and all(name in line for name in named), line
    assert "Traceback" not in line and not (here / "runs").exists()


# Files


@st.composite
def damaged(draw, content):
    """Bytes that were cut off, changed in one bit, shortened or lengthened in the middle."""
    place = draw(st.integers(0, 2**16 - 1)) * len(content) >> 16
    before, after = content[:place], content[place:]
    more = draw(st.binary(min_size=1, max_size=9) | st.sampled_from([b"[" * 5000, b"\n", b"1"]))
    changed = bytes([after[0] ^ 1 << draw(st.integers(0, 7))])
    ways = [
        before,
        before + changed + after[1:],
        before + after[len(more) :],
        before + more + after,
    ]
    return draw(st.sampled_from(ways))


@contextlib.contextmanager
def noted():
    """The texts of all warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        texts = []
        yield texts
        texts += [str(one.message) for one in caught]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two runs and a checkpoint, with what was filed."""
    store = RunStore(tmp_path_factory.mktemp("store"))
    records = dict(record("majority", 0.0, seed) for seed in (0, 1))
    for key in records:
        store.write(key, records[key])
    return store, {key: store.read(key) for key in records}


@few
@given(data=st.data())
def test_a_damaged_record_is_left_out_with_a_word_and_heals(store, data):
    store, records = store
    key, other = records
    path = store.folder / "runs" / f"{key}.json"
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    with noted() as said:
        found = store.read(key)
        (rows,) = results.read(store).values()
    if found is None:
        assert f"{path} is damaged" in said[0] and set(rows.seed) == {1}
    else:  # a blank more or less
        assert found == records[key] and len(rows) == 2
    store.write(key, {name: records[key][name] for name in ("rows", "run", "provenance")})
    with noted() as said:
        assert store.read(key) == records[key] and not said
    assert store.read(other) == records[other]


@few
@given(data=st.data())
def test_a_damaged_checkpoint_is_made_again(store, data):
    store, calls = store[0], []

    def make(folder, work):
        calls.append(folder)
        (folder / "weights").write_bytes(b"123456789")
        return {"mlm_loss": 1.5}

    folder, info = store.checkpoint("key", make)
    path = folder / data.draw(st.sampled_from(["info.json", "weights"]))
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    calls.clear()
    with noted() as said:
        assert store.checkpoint("key", make) == (folder, info)
    assert (folder / "weights").read_bytes() == b"123456789"
    assert bool(calls) == any(f"{folder} is damaged" in text for text in said)
    assert store.infos() == [json.loads(json.dumps(info))]


@few
@given(data=st.data())
def test_damaged_masks_are_an_error_that_names_the_file(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "masks.safetensors"
    masks = {"a.weight": torch.arange(35).view(5, 7) % 3 > 0, "b": torch.ones(3, dtype=torch.bool)}
    pruning.save_masks(masks, path)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    try:
        found = pruning.load_masks(path)
    except OSError as error:
        assert str(path) in str(error)
    else:
        assert found.keys() == masks.keys()
        assert all(torch.equal(found[name], masks[name]) for name in masks)


TABLE = reference.rows("minilm").iloc[:12].drop(columns="learning_rate")


@few
@given(data=st.data())
def test_a_table_that_was_cut_off_is_never_taken_for_whole(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "cut.csv"
    content = TABLE.to_csv(index=False).encode()
    place = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:place])
    with noted() as said:
        try:
            found = pd.concat(results.read(path).values())
        except ValueError as error:
            assert str(path) in str(error)
            return
    if content[place - 1 : place] == b"\n":  # whole rows
        assert len(found) <= content[:place].count(b"\n") - 1
        whole = set(TABLE.itertuples(index=False, name=None))
        assert set(found[TABLE.columns].itertuples(index=False, name=None)) <= whole
    else:
        assert any(f"{path} ends in the middle of a line" in text for text in said)


WRONG_CELLS = {
    "profile": st.just(""),
    "model": st.just(""),
    "task": st.just(""),
    "condition": junk | st.sampled_from(["", "Dense", "prune"]),
    "metric": junk | st.sampled_from(["", "acc", "Accuracy"]),
    "sparsity": no_share,
    "seed": no_count | st.just("4294967296"),
    "learning_rate": no_number.filter(str.strip) | st.sampled_from(["0", "-1"]),
    "value": no_share.filter(lambda text: text not in ("1", "60")),
}


@few
@given(data=st.data())
def test_a_wrong_cell_of_a_table_is_named_with_its_row(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "wrong.csv"
    column = data.draw(st.sampled_from(sorted(WRONG_CELLS)))
    row = data.draw(st.integers(0, len(TABLE) - 1))
    table = TABLE.assign(learning_rate=1e-4).astype(object)
    table.iloc[row, table.columns.get_loc(column)] = data.draw(WRONG_CELLS[column])
    table.to_csv(path, index=False)
    with pytest.raises(ValueError) as error:
        results.read(path)
    said = str(error.value)
    assert f"{path}, row {row}: {column} is " in said and "it must be " in said


@few
@given(data=st.data())
def test_a_damaged_note_beside_a_table_is_named(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "noted.csv"
    TABLE.to_csv(path, index=False)
    note = path.with_suffix(".json")
    content = json.dumps({"profile": {"fine_tuning": {"epochs": 3}}}).encode()
    note.write_bytes(
        data.draw(damaged(content) | st.sampled_from([b"3", b"[]", b'{"profile": 3}']))
    )
    try:
        results.read(path)
    except ValueError as error:
        assert str(note) in str(error) and "move it away" in str(error)


def test_a_table_without_rows_or_with_a_cell_too_many_is_named(tmp_path):
    lines = TABLE.to_csv(index=False).splitlines(keepends=True)
    for content, named in [
        (lines[0], "no rows"),
        ("", "cannot be read"),
        (lines[0] + lines[1].strip() + ",5\n", "row 0 has 9 cells, the header 8"),
    ]:
        (tmp_path / "table.csv").write_text(content)
        with pytest.raises(ValueError, match=f"table.csv.*{named}"):
            results.read(tmp_path / "table.csv")
