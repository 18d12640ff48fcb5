import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import BertTokenizer

from helpers import data, pocket, profiles, tasks

CACHED = (data.load_tokenizer, data.load_text, data.load_examples, data.load_task)


@pytest.fixture(autouse=True)
def forget():
    """What one test loaded is not there in the next."""
    for function in CACHED:
        function.cache_clear()


@pytest.fixture
def small(real_hub):
    """The small profile on the mirror."""
    return profiles.get("small").replace(pretraining={"text_rows": 100, "max_length": 32})


# Metrics


@pytest.mark.parametrize(
    "task, classes", [("cola", 2), ("sst2", 2), ("qqp", 2), ("mnli", 3), ("qnli", 2)]
)
def test_score_is_that_of_scikit_learn(task, classes):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, classes)), rng.integers(classes, size=200)
    logits[np.arange(200), labels] += 1
    predictions = logits.argmax(axis=1)
    expected = {"accuracy": accuracy_score(labels, predictions)}
    if task == "cola":
        expected["matthews_correlation"] = matthews_corrcoef(labels, predictions)
    if task == "qqp":
        expected["f1"] = f1_score(labels, predictions)
    assert tasks.score(task, logits, labels) == pytest.approx(expected)
    assert 0.4 < expected["accuracy"] < 0.95


def test_score_of_a_constant_prediction():
    assert tasks.score("cola", np.array([[0.0, 1.0]] * 4), np.array([1, 1, 1, 0])) == {
        "accuracy": 0.75,
        "matthews_correlation": 0.0,
    }


# The pocket world


@pytest.mark.parametrize("task", pocket.TASKS)
def test_pocket_tasks_are_tokenised_for_fine_tuning(micro, task):
    loaded = data.load_task(micro, task)
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 32, "validation": 32}
    assert set(loaded["train"].column_names) == {
        "input_ids",
        "token_type_ids",
        "attention_mask",
        "labels",
    }
    examples = pocket.task_examples(task, "train", 32)
    assert loaded["train"]["labels"][:] == [example["label"] for example in examples]
    tokenizer = data.load_tokenizer(micro.model)
    first = loaded["train"][0]
    words = " [SEP] ".join(examples[0][column] for column in pocket.COLUMNS[task])
    assert tokenizer.convert_ids_to_tokens(first["input_ids"]) == f"[CLS] {words} [SEP]".split()
    assert max(first["token_type_ids"]) == len(pocket.COLUMNS[task]) - 1


def test_no_pocket_text_is_longer_than_the_model_reads_or_has_unknown_words(micro):
    tokenizer = data.load_tokenizer(micro.model)
    for task in pocket.TASKS:
        for split in data.load_task(micro.replace(fine_tuning={"max_length": 1000}), task).values():
            assert max(map(len, split["input_ids"])) <= profiles.get("tiny").fine_tuning.max_length
            assert tokenizer.unk_token_id not in {
                token for row in split["input_ids"] for token in row
            }


def test_pocket_text_is_in_two_segments_of_known_words(micro):
    text = data.load_text(micro)
    tokenizer = data.load_tokenizer(micro.model)
    passages = pocket.passages(200, seed="train")
    assert len(text) == 200
    for row, (first, second) in zip(text, passages):
        assert (
            tokenizer.convert_ids_to_tokens(row["input_ids"])
            == f"[CLS] {first} [SEP] {second} [SEP]".split()
        )
        assert (
            set(row["token_type_ids"]) == {0, 1}
            and len(row["input_ids"]) <= micro.pretraining.max_length
        )


def test_held_out_text_spares_half_the_words_but_never_the_comment(micro):
    text, tokenizer = data.load_text(micro, "validation"), data.load_tokenizer(micro.model)
    words = []
    for row in text:
        special = [
            token in (tokenizer.cls_token_id, tokenizer.sep_token_id) for token in row["input_ids"]
        ]
        spared = row["special_tokens_mask"]
        assert sum(special) == 3 and all(spared[i] for i, value in enumerate(special) if value)
        assert spared[-2] == 0 and not special[-2]
        words += [spare for spare, value in zip(spared[:-2], special) if not value]
    assert np.mean(words) == pytest.approx(0.5, abs=0.05)
    for row in data.load_text(micro):  # in training, all words may be masked
        assert sum(row["special_tokens_mask"]) == 3


def test_comments_are_masked_and_weighed_by_themselves(micro):
    tokenizer = data.load_tokenizer(micro.model)
    profile = micro.replace(pretraining={"comment_probability": 0.7, "comment_weight": 2.0})
    options = data.comment_options(profile)
    words = set(tokenizer.convert_ids_to_tokens(list(options["weights"])))
    assert words == set(" ".join(pocket.COMMENTS.values()).split())
    assert set(options["weights"].values()) == {2.0}
    assert set(options["probabilities"].values()) == {0.7}
    assert options["weights"].keys() == options["probabilities"].keys()
    assert data.comment_options(profiles.get("paper")) == {}


def test_text_of_one_kind(micro):
    tokenizer = data.load_tokenizer(micro.model)
    lines = data.load_passages(tokenizer, 100, kind="dictionary")["input_ids"]
    assert max(map(len, lines)) <= 12 < max(map(len, data.load_text(micro)["input_ids"]))


def test_text_is_in_the_tokens_of_the_model_that_is_asked_for(micro, tmp_path):
    """Also where the same text was tokenised for another model before."""
    tokenizer = data.load_tokenizer(micro.model)
    words = list(tokenizer.get_vocab())[::-1]
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(tmp_path)
    first, other = data.load_text(micro)[0], data.load_text(micro, model=str(tmp_path))[0]
    assert [words[token] for token in other["input_ids"]] == tokenizer.convert_ids_to_tokens(
        first["input_ids"]
    )


def test_validation_text_is_other_text(micro):
    train, validation = (
        {tuple(row) for row in data.load_text(micro, split)["input_ids"]}
        for split in ("train", "validation")
    )
    assert len(train & validation) < 0.1 * len(train)


# What bad input gets


def test_unknown_task_is_named_with_the_valid_ones(micro):
    with pytest.raises(ValueError, match="'imdb'.*cola, sst2"):
        data.load_task(micro, "imdb")


def test_task_that_the_pocket_world_lacks(micro):
    with pytest.raises(ValueError, match="'mrpc'.*cola, sst2, qqp, mnli, qnli"):
        data.load_task(micro, "mrpc")


def test_the_pocket_world_has_no_all(micro):
    endless = micro.replace(pretraining={"text_rows": None}, fine_tuning={"train_rows": None})
    with pytest.raises(ValueError, match="pocket world has no end.*text_rows, train_rows"):
        data.load_text(endless)
    with pytest.raises(ValueError, match="pocket world has no end.*text_rows, train_rows"):
        data.load_examples(endless, "cola")


def test_missing_mirror_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="HUB_MIRROR is .*nowhere.*no such folder"):
        data.load_examples(profiles.get("small"), "cola")


def test_hub_that_cannot_be_reached(monkeypatch, tmp_path):
    profile = profiles.get("small")  # and HF_HUB_OFFLINE is set
    for mirror in (None, tmp_path):
        if mirror:
            monkeypatch.setenv("HUB_MIRROR", str(mirror))
        with pytest.raises(
            FileNotFoundError, match=r"nyu-mll/glue \(cola\).*HUB_MIRROR.*PRUNING_PROFILE=tiny"
        ):
            data.load_examples(profile, "cola")
        with pytest.raises(
            FileNotFoundError, match="google/bert_uncased_L-2_H-128_A-2.*PRUNING_PROFILE=tiny"
        ):
            data.load_tokenizer(profile.model)


def test_an_error_without_words_is_reported_too():
    def fail():
        raise AssertionError

    with pytest.raises(FileNotFoundError, match="the hub gave AssertionError"):
        data.load("something", fail)


# A real hub, or rather its mirror


@pytest.mark.parametrize("task, rows", [("cola", 1043), ("sst2", 872)])
def test_real_validation_sets_are_whole(small, task, rows):
    loaded = data.load_examples(small.replace(fine_tuning={"dev_rows": None}), task)
    assert (
        len(loaded["validation"]) == rows and len(loaded["train"]) == small.fine_tuning.train_rows
    )
    assert set(loaded["validation"]["label"]) == {0, 1}


def test_labels_are_in_glues_order(small):
    for task in ("cola", "sst2", "mnli"):
        assert (
            tuple(data.load_examples(small, task)["train"].features["label"].names)
            == tasks.LABELS[task]
        )


def test_real_pairs_are_tokenised_and_cut(small):
    loaded = data.load_task(
        small.replace(fine_tuning={"train_rows": 200, "dev_rows": 100, "max_length": 32}), "mnli"
    )
    assert (len(loaded["train"]), len(loaded["validation"])) == (200, 100)
    assert set(loaded["train"].column_names) == {
        "input_ids",
        "token_type_ids",
        "attention_mask",
        "labels",
    }
    assert max(map(len, loaded["train"]["input_ids"])) == 32 and set(loaded["train"]["labels"]) == {
        0,
        1,
        2,
    }


def test_task_that_the_mirror_lacks(small):
    with pytest.raises(FileNotFoundError, match=r"nyu-mll/glue \(qqp\)"):
        data.load_examples(small, "qqp")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_real_text_comes_in_blocks_of_one_length(small, split):
    text = data.load_text(small, split)
    assert len(text) == 100 if split == "train" else len(text) > 100
    tokenizer = data.load_tokenizer(small.model)
    for row in text.select(range(100)):
        assert (
            len(row["input_ids"]) == 32 == len(row["attention_mask"]) == len(row["token_type_ids"])
        )
        assert row["special_tokens_mask"] == [1] + [0] * 30 + [1]
        assert (
            row["input_ids"][0] == tokenizer.cls_token_id
            and row["input_ids"][-1] == tokenizer.sep_token_id
        )
    assert tokenizer.cls_token_id not in {
        token for row in text["input_ids"][:100] for token in row[1:-1]
    }
