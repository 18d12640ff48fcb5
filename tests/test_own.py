"""A task of one's own: read from files of four kinds, checked, split, and run from end to end."""

import json

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from sklearn.metrics import f1_score

from helpers import checks, data, own, pocket, profiles, sources, tasks
from helpers.lab import results, runs
from helpers.lab.experiment import RunStore, measure, plan
from helpers.lab.runs import from_record

WORDS = [" ".join(passage) for passage in pocket.passages(60, seed="own")]


@pytest.fixture
def reviews(tmp_path):
    """60 texts with three labels of unequal frequency: 40, 15 and 5."""
    labels = ["good"] * 40 + ["bad"] * 15 + ["odd"] * 5
    return pd.DataFrame({"review": WORDS, "stars": labels, "id": range(60)})


def csv(table, tmp_path, name="reviews.csv"):
    table.to_csv(tmp_path / name, index=False)
    return tmp_path / name


def test_glues_tasks_are_entries_of_the_same_kind():
    assert all(isinstance(task, tasks.Task) for task in tasks.GLUE.values())
    assert tasks.get("stsb").is_regression and not tasks.get("cola").is_regression
    assert tasks.get("mnli_mismatched").validation == "validation_mismatched"
    assert {name: task.columns for name, task in tasks.GLUE.items()} == tasks.COLUMNS


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_files_of_four_kinds_give_the_same_task(reviews, tmp_path, kind):
    path = tmp_path / f"reviews.{kind}"
    write = {
        "csv": lambda: reviews.to_csv(path, index=False),
        "tsv": lambda: reviews.to_csv(path, index=False, sep="\t"),
        "jsonl": lambda: reviews.to_json(path, orient="records", lines=True),
        "parquet": lambda: reviews.to_parquet(path),
    }
    write[kind]()
    task = own.describe(path, "review", "stars")
    assert (task.name, task.columns, task.label) == ("reviews", ("review",), "stars")
    assert task.labels == ("bad", "good", "odd")  # by the alphabet
    assert task.metrics == ("accuracy", "f1_macro") and task.validation == own.HELD_OUT
    examples = data.load_examples(whole(profiles.get("tiny")), task)
    rows = [*examples["train"], *examples["validation"]]
    assert {(row["review"], task.labels[row["label"]]) for row in rows} == set(
        zip(reviews.review, reviews.stars)
    )


def whole(profile):
    return profile.replace(fine_tuning={"train_rows": None, "dev_rows": None})


def test_of_each_label_the_same_share_is_held_out(reviews, tmp_path):
    task = own.describe(csv(reviews, tmp_path), "review", "stars", validation=0.2)
    examples = data.load_examples(whole(profiles.get("tiny")), task)
    counts = [np.bincount(examples[split]["label"]) for split in ("train", "validation")]
    assert [list(count) for count in counts] == [[12, 32, 4], [3, 8, 1]]
    texts = [set(examples[split]["review"]) for split in ("train", "validation")]
    assert not texts[0] & texts[1]
    again = data.load_examples(whole(profiles.get("tiny")), task)
    assert again["validation"]["review"] == examples["validation"]["review"]
    said = own.told(task)
    assert "one answer more or less is 8.3 points" in said
    assert "48 rows" in said and "12 more of it held out" in said and "1 = good (66.7%)" in said


def test_a_folder_with_a_file_for_each_split(reviews, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    csv(reviews[:50], folder, "train.csv")
    csv(reviews[40:], folder, "dev.csv")
    csv(reviews[:1], folder, "test.csv")
    message = "mine, validation, row 15: the label is 'odd'.* one of bad, good. Wrong rows: 5 of 20"
    with pytest.raises(ValueError, match=message):
        own.describe(folder, "review", "stars")
    csv(reviews[40:55], folder, "dev.csv")
    task = own.describe(folder, "review", "stars")
    assert task.validation == "validation" and task.labels == ("bad", "good")
    assert "Not used: test." in own.told(task)
    assert "10 of the rows to measure on stand in the training rows" in own.told(task)


def test_labels_are_ordered_as_is_stated(tmp_path):
    texts, path = WORDS[:4], tmp_path / "stars.csv"
    for values, expected in [
        ([10, 9, 2, 2], ("2", "9", "10")),  # numbers by size
        (["b", "a", "a", "b"], ("a", "b")),
        ([True, False, True, False], ("False", "True")),
        (["None", "NA", "None", "NA"], ("NA", "None")),  # words, and not missing values
    ]:
        pd.DataFrame({"text": texts, "label": values}).to_csv(path, index=False)
        task = own.describe(path)
        assert task.labels == expected
        numbers = data.label_numbers(Dataset.from_pandas(pd.read_csv(path, **sources_csv())), task)
        assert [task.labels[int(n)] for n in numbers] == [str(value) for value in values]
    named = own.describe(path, labels=("None", "NA"))
    assert named.labels == ("None", "NA")
    features = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
    rows = {"text": texts, "label": [0, 1, 1, 0]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "c.parquet")
    assert own.describe(tmp_path / "c.parquet").labels == ("pos", "neg")  # as the data name them


def sources_csv():
    return {"keep_default_na": False, "na_values": [""]}


def test_numbers_with_decimals_are_regression_and_a_pair_has_two_columns(tmp_path):
    table = pd.DataFrame({"a": WORDS[:20], "b": WORDS[20:40], "score": np.linspace(0, 5, 20)})
    task = own.describe(csv(table, tmp_path, "pairs.csv"), ("a", "b"), "score")
    assert task.is_regression and task.columns == ("a", "b")
    assert task.metrics == ("pearson", "spearmanr")
    rows = data.load_task(whole(profiles.get("tiny")), task)
    assert len(rows["validation"]) == 2 and isinstance(rows["train"]["labels"][0], float)
    whole_numbers = table.assign(score=[1, 2, 3, 4] * 5)
    path = csv(whole_numbers, tmp_path, "whole.csv")
    assert own.describe(path, "a", "score").labels == ("1", "2", "3", "4")
    assert own.describe(path, "a", "score", metric="pearson").is_regression


def test_macro_f1_is_scikit_learns():
    labels, predicted = np.array([0, 0, 0, 0, 1, 2]), np.array([0, 0, 0, 0, 0, 2])
    task = tasks.Task("mine", ("text",), ("a", "b", "c"), ("accuracy", "f1_macro"))
    assert tasks.score(task, np.eye(3)[predicted], labels) == pytest.approx(
        {
            "accuracy": 5 / 6,
            "f1_macro": f1_score(labels, predicted, average="macro", zero_division=0),
        }
    )


@pytest.mark.parametrize(
    "change, arguments, message",
    [
        ({}, {"text": "body"}, "no column body; the columns are review, stars, id. Name that"),
        ({}, {"label": "mark"}, "no column mark; the columns are"),
        ({"review": [None, *WORDS[1:]]}, {}, "row 0: review is None; it must be text"),
        ({"review": ["  ", *WORDS[1:]]}, {}, "row 0: review is empty; there must be a text. 1 of"),
        ({"review": range(60)}, {}, "row 0: review is 0; it must be text. Wrong rows: 60 of 60"),
        ({"stars": ["good"] * 60}, {}, "holds one label only, 'good'"),
        ({"stars": [None, *["a", "b"] * 29, "a"]}, {}, "row 0: there is no label .*1 of 60"),
        ({"stars": ["good", "Good"] * 30}, {}, "'good' and 'Good' in stars differ in case alone"),
        ({"stars": [1, "NA", 3] * 20}, {}, "row 1: the label is 'NA' among numbers. Leave such"),
        ({"stars": [0.5, "NA", 3] * 20}, {}, "row 1: the label is 'NA' among numbers"),
        ({}, {"validation": "train"}, "'train' cannot be trained on and measured on"),
        ({"stars": [f"word {i}" for i in range(60)]}, {"labels": ("a", "b")}, "row 0: the label"),
        ({}, {"metric": "bleu"}, "unknown metric 'bleu'; choose from accuracy"),
        ({}, {"metric": "f1"}, "f1 is for two labels, and there are 3; take f1_macro"),
        ({}, {"validation": "dev"}, "no split 'dev' of 'reviews'; it has train"),
        ({}, {"validation": 1.5}, "a share between 0 and 1, got 1.5"),
        ({}, {"train": "all"}, "no split 'all' to train on; it has train"),
        ({}, {"name": "cola"}, "'cola' is a task of GLUE; give yours another name"),
        ({}, {"name": "a b"}, "letters, digits and underscores, got 'a b'"),
        (
            {},
            {"text": ("review", "stars", "id")},
            "a pair of two, got review, stars, id",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_way_out(reviews, tmp_path, change, arguments, message):
    path = csv(reviews.assign(**change), tmp_path)
    if change.get("review") == range(60) or None in change.get("review", []):
        path = tmp_path / "reviews.parquet"
        reviews.assign(**change).to_parquet(path)
    with pytest.raises(ValueError, match=message):
        own.describe(path, **{"text": "review", "label": "stars"} | arguments)


def test_many_labels_are_probably_another_column(tmp_path):
    texts = [f"{WORDS[0]} {i}" for i in range(200)]
    path = csv(pd.DataFrame({"text": texts, "label": texts, "n": range(200)}), tmp_path)
    with pytest.raises(ValueError, match="holds 200 different labels .*Is it a column of text"):
        own.describe(path)
    with pytest.raises(ValueError, match="to be predicted, write metric=pearson"):
        own.describe(path, label="n")


def test_multi_label_and_token_classification_are_refused_by_name(tmp_path):
    path = tmp_path / "lists.jsonl"
    rows = [{"text": "a b", "tokens": ["a", "b"], "label": [0, 1]}] * 4
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match="Multi-label classification needs a sigmoid"):
        own.describe(path)
    with pytest.raises(ValueError, match="Token classification needs AutoModelForToken"):
        own.describe(path, text="tokens")


def test_the_files_that_are_read_are_those_that_count():
    assert tuple(sources.FILES) == profiles.TABLES


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.csv").write_bytes("text,label\ncaf\xe9,1\n".encode("latin-1"))
    (tmp_path / "ragged.csv").write_text("text,label\na,1\nb,2,3\n")
    (tmp_path / "table.xlsx").write_text("")
    (tmp_path / "comma.csv").write_text("text,label\nwell, good,1\noh, bad,0\n")
    for name, kind, message in [
        ("none.csv", FileNotFoundError, "there is no file .*none.csv; folders are relative to"),
        ("latin.csv", OSError, "latin.csv is not in UTF-8"),
        ("ragged.csv", OSError, "ragged.csv cannot be read: .*line 3"),
        (
            "comma.csv",
            OSError,
            "comma.csv cannot be read: its rows have more cells than its header",
        ),
        ("table.xlsx", ValueError, "of a kind that is not read here; give one of .csv, .tsv"),
    ]:
        with pytest.raises(kind, match=message):
            own.describe(tmp_path / name)


def test_a_quotation_mark_that_does_not_close_takes_no_rows_in(tmp_path):
    """As in GLUE's TSV, which quote nothing."""
    mark = lambda i: '"' if i in (3, 40) else ""
    rows = [f"{mark(i)}a film of {i}\t{i % 2}" for i in range(60)]
    (tmp_path / "films.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    read = sources.read(str(tmp_path / "films.tsv"))["train"]
    assert len(read) == 60 and read[3]["text"] == '"a film of 3' and read[4]["label"] == 0


def test_words_and_numbers_in_one_column_are_words(tmp_path):
    lines = [json.dumps({"text": f"{i} films", "label": i % 2 or "none"}) for i in range(60)]
    (tmp_path / "films.jsonl").write_text("\n".join(lines))
    assert own.describe(tmp_path / "films.jsonl", labels=("none", "1")).labels == ("none", "1")
    lines = [json.dumps({"text": f"{i} films", "label": f"{i / 2:.2f}"}) for i in range(60)]
    (tmp_path / "films.jsonl").write_text("\n".join(lines))
    assert own.describe(tmp_path / "films.jsonl").is_regression


def test_words_of_a_command_line_describe_the_same(reviews, tmp_path):
    path = csv(reviews, tmp_path)
    words = [str(path), "text=review", "label=stars", "validation=0.2", "labels=odd,bad,good"]
    assert own.from_words(words) == own.describe(
        path, "review", "stars", validation=0.2, labels=("odd", "bad", "good")
    )
    for wrong in (["text=a"], ["colour=red"], [str(path), "stars"], [str(path), "text="]):
        with pytest.raises(ValueError, match="data"):
            own.from_words(wrong)


def test_words_that_the_tokenizer_does_not_know(reviews, tmp_path):
    tiny = whole(profiles.get("tiny"))
    known = own.describe(csv(reviews, tmp_path), "review", "stars")
    assert "0% of the words are unknown" in checks.check_vocabulary(tiny, known)
    half = reviews.assign(review=reviews.review + 5 * " Quetzalcoatl")
    task = own.describe(csv(half, tmp_path, "half.csv"), "review", "stars")
    with pytest.warns(UserWarning, match="words are unknown .*A model that knows them"):
        checks.check_vocabulary(tiny, task)
    alien = reviews.assign(review=[f"Quetzalcoatl Popocatepetl {i}" for i in range(60)])
    task = own.describe(csv(alien, tmp_path, "alien.csv"), "review", "stars")
    with pytest.raises(ValueError, match="100% of the words are unknown.*PRUNING_PROFILE=small"):
        checks.check_vocabulary(tiny, task)


# Runs


def test_a_run_of_ones_own_task_is_filed_and_found_again(micro, reviews, tmp_path):
    task = own.describe(csv(reviews, tmp_path), "review", "stars")
    planned = plan(["majority", "dense"], [], [task], [0], profile=whole(micro))
    assert {run.task for run in planned} == {"reviews"}
    store = RunStore(tmp_path / "runs")
    floor, dense = (measure(run, store) for run in planned)
    values = floor.set_index("metric").value
    assert set(floor.task) == {"reviews"} and values.accuracy == pytest.approx(4 / 6, abs=0.2)
    assert {"accuracy", "f1_macro", "train_loss"} <= set(dense.metric)
    for run in planned:
        read = from_record(store.read(run.key)["run"])
        assert read == run and read.key == run.key


def test_another_description_or_other_data_is_another_run(micro, reviews, tmp_path):
    path = csv(reviews, tmp_path)
    key = lambda **options: (
        runs.Run("dense", own.describe(path, "review", "stars", **options), profile=micro).key
    )
    first = key()
    assert first == key() and first != key(labels=("odd", "bad", "good"))
    (tmp_path / "elsewhere").mkdir()
    moved = csv(reviews, tmp_path / "elsewhere")
    moved = own.describe(moved, "review", "stars")
    assert runs.Run("dense", moved, profile=micro).key == first  # the same data elsewhere
    csv(reviews.assign(stars=reviews.stars[::-1].to_numpy()), tmp_path)
    assert key() != first


def test_a_store_or_a_note_among_the_data_changes_nothing(micro, reviews, tmp_path):
    csv(reviews, tmp_path, "train.csv")
    key = lambda: runs.Run("majority", own.describe(tmp_path, "review", "stars"), profile=micro).key
    first = key()
    RunStore(tmp_path / "runs").write("a-run", {"rows": [], "run": {}, "provenance": {}})
    (tmp_path / "runs" / "results.csv").write_text("a,b\n")
    (tmp_path / "notes.txt").write_text("not to be forgotten")
    assert key() == first
    csv(reviews[:40], tmp_path, "dev.csv")
    assert key() != first


def test_of_two_generations_of_data_the_one_that_is_there_counts(micro, reviews, tmp_path):
    store = RunStore(tmp_path / "runs")

    def carry_out(table):
        task = own.describe(csv(table, tmp_path), "review", "stars")
        return measure(runs.Run("majority", task, profile=whole(micro)), store)

    carry_out(reviews)
    now = carry_out(reviews.assign(stars=["good"] * 50 + ["bad"] * 10))
    with pytest.warns(UserWarning, match="1 runs in .* made of other data .* are left out"):
        (found,) = results.read(store).values()
    assert found.value.tolist() == now.value.tolist()
    (tmp_path / "reviews.csv").unlink()
    with pytest.raises(ValueError, match="holds the same runs twice"):
        results.read(store)


def test_two_tasks_of_one_name_are_refused(micro, reviews, tmp_path):
    path = csv(reviews, tmp_path)
    two = [own.describe(path, "review", "stars", validation=share) for share in (0.1, 0.2)]
    with pytest.raises(ValueError, match="another task named 'reviews'; give yours another name"):
        plan(["dense"], [], two, [0], profile=micro)
    assert len(plan(["dense"], [], [two[0], two[0], "cola"], [0], profile=micro)) == 2


def test_the_form_takes_data_of_ones_own(micro, reviews, tmp_path):
    from helpers.lesson.widgets import live

    form = live.experiment_form(micro, {}, tmp_path / "runs", "cola", (0.5,))
    form.controls["data"].value = f"{csv(reviews, tmp_path)} text=review label=stars"
    assert "runs on reviews" in form.readout.value
    form.controls["data"].value = f"{tmp_path / 'reviews.csv'} text=revue label=stars"
    assert "no column revue" in form.readout.value


def test_labels_and_columns_may_have_commas(tmp_path):
    table = pd.DataFrame({"Review, English": WORDS, "mark": ["bad", "good, very"] * 30})
    words = [f"data={csv(table, tmp_path)}", "label=mark"]
    words += ['text=["Review, English"]', 'labels=["bad", "good, very"]']
    task = own.from_words(words)
    assert task.labels == ("bad", "good, very") and task.columns == ("Review, English",)


def test_a_quotation_mark_in_the_last_row_is_a_mark(tmp_path):
    rows = "".join(f'row {n} "quoted" here\t{n % 2}\n' for n in range(40))
    (tmp_path / "last.tsv").write_text(f'text\tlabel\n{rows}"so it goes\t1\n')
    assert sources.read(str(tmp_path / "last.tsv"))["train"].num_rows == 41


def test_json_lines_may_begin_with_a_byte_order_mark(tmp_path):
    lines = "".join(json.dumps({"text": f"row {n}", "label": n % 2}) + "\n" for n in range(4))
    (tmp_path / "marked.jsonl").write_text(lines, encoding="utf-8-sig")
    assert sources.read(str(tmp_path / "marked.jsonl"))["train"].num_rows == 4


def test_what_is_put_into_loaded_data_stays_out_of_later_calls(micro):
    mine = data.load_task(micro, "cola")
    rows = mine["train"].num_rows
    mine["train"] = mine["train"].select(range(4))
    assert data.load_task(micro, "cola")["train"].num_rows == rows


def test_predictions_of_a_training_that_diverged_have_no_score():
    logits = np.array([[np.nan, 0.0], [1.0, 0.0], [np.inf, 0.0]])
    with pytest.raises(ValueError, match="SST-2: 2 of 3 predictions are NaN or infinite"):
        tasks.score("sst2", logits, np.array([0, 0, 1]))
