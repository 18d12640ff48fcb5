"""Data that are not what they look like: changed, damaged, mislabelled, uncleaned; and profiles."""

import doctest
import importlib
import json

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, RobertaConfig

from helpers import checks, data, profiles, tasks, training


def write(folder, task, splits, names=None):
    """A config of GLUE in parquet files: splits as {name: (texts, labels)}."""
    features = names and Features({"sentence": Value("string"), "label": ClassLabel(names=names)})
    for split, (texts, labels) in splits.items():
        path = folder / task / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = {"sentence": texts, "label": labels}
        Dataset.from_dict(rows, features=features).to_parquet(path)
    files = [{"split": split, "path": f"{task}/{split}-*.parquet"} for split in splits]
    configs = json.dumps([{"config_name": task, "data_files": files}])
    (folder / "README.md").write_text(f"---\nconfigs: {configs}\n---\n")


def sst2(folder, word="good", labels=(0, 1), **options):
    texts = [f"{word} {i}" for i in range(len(labels))]
    write(folder, "sst2", {"train": (texts, [*labels]), "validation": (texts, [0] * len(texts))})


def at(micro, name):
    return micro.replace(fine_tuning={"glue": name, "train_rows": None, "dev_rows": None})


def first(profile):
    return data.load_examples(profile, "sst2")["train"][0]["sentence"]


# Changed data


def test_a_mirror_that_is_rewritten_is_read_again(micro, tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path / "a"))
    profile = at(micro, "nyu-mll/glue")
    sst2(tmp_path / "a" / "nyu-mll" / "glue", "old")
    before = data.task_content(profile, "sst2")
    assert first(profile) == "old 0"
    sst2(tmp_path / "a" / "nyu-mll" / "glue", "new")  # the same size
    assert first(profile) == "new 0"
    tokens = data.load_task(profile, "sst2")["train"]
    assert len(tokens) == 2
    assert data.task_content(profile, "sst2") != before
    for folder in ("b", "c"):  # another mirror, in the same process
        sst2(tmp_path / folder / "nyu-mll" / "glue", folder)
        monkeypatch.setenv("HUB_MIRROR", str(tmp_path / folder))
        assert first(profile) == f"{folder} 0"


def test_ids_that_end_alike_are_other_data(micro, tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_MIRROR", str(tmp_path))
    for owner in ("me", "you"):
        sst2(tmp_path / owner / "zglue", owner)
        write_text(tmp_path / owner / "text", [owner] * 300)
    assert [first(at(micro, f"{owner}/zglue")) for owner in ("me", "you")] == ["me 0", "you 0"]
    texts = [data._corpus(f"{owner}/text", None, "train", False)[0] for owner in ("me", "you")]
    assert texts == [{"text": "me"}, {"text": "you"}]


# What cannot be loaded


def test_a_damaged_file_is_named(micro, tmp_path):
    sst2(tmp_path / "glue")
    damaged = tmp_path / "glue" / "sst2" / "train-00000-of-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(OSError, match=r"the file .*sst2/train-.*parquet cannot be read.*Copy it"):
        first(at(micro, str(tmp_path / "glue")))


def test_a_folder_that_lacks_a_task_is_no_failure_of_the_hub(micro, tmp_path):
    sst2(tmp_path / "glue")
    with pytest.raises(FileNotFoundError, match=r"\(cola\) from .*glue: .*cola.*Complete the f"):
        data.load_examples(at(micro, str(tmp_path / "glue")), "cola")


def test_a_damaged_model_and_one_without_files(tmp_path, make):
    make(BertForMaskedLM).save_pretrained(tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    load = lambda name: data.load(str(name), lambda: training.load_mlm(name))
    with pytest.raises(OSError, match="the file .*model.safetensors cannot be read"):
        load(tmp_path / "model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="cannot load .*empty from .*empty: .*config.json"):
        load(tmp_path / "empty")


def test_an_unsupported_family_passes_through(tmp_path):
    from transformers import GPT2Config

    GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="of type 'gpt2', which this course cannot prune"):
        data.load(str(tmp_path), lambda: training.load_mlm(tmp_path))


# Labels and columns


@pytest.mark.parametrize(
    "labels, value, row",
    [
        ([0, 1, -1], "-1", 2),
        ([0.0, 0.4, 1.0], "0.4", 1),
        ([0, 2, 3], "2", 1),
        (["0", "good", "1"], "'good'", 1),
        ([None, 0, 1], "None", 0),
    ],
)
def test_labels_that_the_task_does_not_have(micro, tmp_path, labels, value, row):
    sst2(tmp_path, labels=labels)
    message = rf"sst2, train, row {row}: the label is {value}; .*0 \(negative\), 1 \(positive\)"
    with pytest.raises(ValueError, match=message):
        data.load_task(at(micro, str(tmp_path)), "sst2")


def test_a_wrong_label_in_validation(micro, tmp_path):
    texts = ["a", "b"]
    write(tmp_path, "sst2", {"train": (texts, [0, 1]), "validation": (texts, [-1, -1])})
    with pytest.raises(ValueError, match="sst2, validation, row 0: the label is -1.*rows: 2 of 2"):
        data.load_task(at(micro, str(tmp_path)), "sst2")


def test_labels_in_another_order(micro, tmp_path):
    splits = {"train": (["a", "b"], [0, 1]), "validation": (["a", "b"], [0, 1])}
    write(tmp_path, "sst2", splits, ["positive", "negative"])
    with pytest.raises(ValueError, match="named positive, negative.*the task's are negative, pos"):
        data.load_task(at(micro, str(tmp_path)), "sst2")
    write(tmp_path, "sst2", splits, list(tasks.LABELS["sst2"]))
    assert len(data.load_task(at(micro, str(tmp_path)), "sst2")["train"]) == 2


@pytest.mark.parametrize(
    "rows, message",
    [
        ({"text": ["a"], "label": [0]}, "no column sentence; the columns are text, label"),
        ({"sentence": ["a"]}, "no column label"),
        ({"sentence": ["a", None], "label": [0, 1]}, "row 1: sentence is None; it must be text"),
    ],
)
def test_other_columns(rows, message):
    with pytest.raises(ValueError, match=f"sst2, train.*{message}"):
        data.check_examples(Dataset.from_dict(rows), "sst2", "train")


@pytest.mark.parametrize("value, right", [(2.5, True), (float("inf"), False), (None, False)])
def test_scores_must_be_numbers(value, right):
    rows = {"sentence1": ["a"] * 2, "sentence2": ["b"] * 2, "label": [1.0, value]}
    if right:
        data.check_examples(Dataset.from_dict(rows), "stsb", "train")
    else:
        with pytest.raises(ValueError, match="stsb, train, row 1: .*a finite number"):
            data.check_examples(Dataset.from_dict(rows), "stsb", "train")


def test_real_glue_is_as_the_tasks_say(real_hub):
    whole = profiles.get("small").replace(fine_tuning={"train_rows": None, "dev_rows": None})
    for task in ("cola", "sst2", "mrpc"):
        assert len(data.load_examples(whole, task)["train"]) > 3_000


# Text nobody cleaned


def write_text(folder, texts, split="train"):
    folder.mkdir(parents=True, exist_ok=True)
    column = {"text": texts}
    Dataset.from_dict(column, features=Features({"text": Value("string")})).to_parquet(
        folder / f"{split}.parquet"
    )


def corpus(micro, folder, **changes):
    values = {"text": str(folder), "max_length": 8, "text_rows": None}
    return micro.replace(pretraining=values | changes)


WORDS = "the fox eats the pie ."


@pytest.mark.parametrize("streaming", [False, True])
def test_blank_and_missing_documents_are_left_out(micro, tmp_path, streaming):
    blank = ["", " \n", None] * 500  # whole map batches of them
    write_text(tmp_path / "clean", [WORDS] * 400, "train")
    write_text(tmp_path / "clean", [WORDS] * 20, "validation")
    write_text(tmp_path / "dirty", [*blank, *[WORDS] * 400, *blank], "train")
    write_text(tmp_path / "dirty", [*[WORDS] * 20, *blank], "validation")
    for split in ("train", "validation"):
        clean, dirty = (
            [
                row["input_ids"]
                for row in data.load_text(
                    corpus(micro, tmp_path / name, text_streaming=streaming), split
                )
            ]
            for name in ("clean", "dirty")
        )
        # at the seams of batches a block may be lost
        assert clean and 0 <= len(clean) - len(dirty) <= 2 and dirty == clean[: len(dirty)]


def test_no_blank_document_is_held_out_of_a_stream(micro, tmp_path):
    write_text(tmp_path, [None, "", " ", *(f"{WORDS} {i}" for i in range(500))] * 2)
    parts = [data._corpus(str(tmp_path), None, split, True) for split in ("train", "validation")]
    train, held_out = ({row["text"] for row in part} for part in parts)
    assert len(train) + len(held_out) == 500 and not train & held_out and held_out


@pytest.mark.parametrize("streaming", [False, True])
def test_corpora_without_what_is_needed(micro, tmp_path, streaming):
    write_text(tmp_path / "test-only", [WORDS] * 9, "test")
    write_text(tmp_path / "one", [WORDS * 99])
    Dataset.from_dict({"body": [WORDS] * 9}).to_parquet(tmp_path / "train.parquet")
    (tmp_path / "body").mkdir()
    (tmp_path / "train.parquet").rename(tmp_path / "body" / "train.parquet")
    cases = [("test-only", "no split 'train'; it has test"), ("body", "no column 'text'; .*body")]
    if not streaming:
        cases.append(("one", "has 1 document and no validation split"))
    for name, message in cases:
        with pytest.raises(ValueError, match=message):
            data.load_text(corpus(micro, tmp_path / name, text_streaming=streaming))


def test_blocks_without_room_for_a_word(micro, tmp_path):
    write_text(tmp_path, [WORDS] * 300)
    with pytest.raises(ValueError, match="max_length is 2.*2 special tokens.*to 3 or more"):
        data.load_text(corpus(micro, tmp_path, max_length=2))
    text = data.load_text(corpus(micro, tmp_path, max_length=3))
    assert len(text[0]["input_ids"]) == 3


# Profiles


@pytest.mark.parametrize("name", ["tiny"])
def test_the_courses_profiles_are_right(name):
    checks.check_profile(profiles.get(name))


def test_the_small_profile_is_right(real_hub):
    checks.check_profile(profiles.get("small"))


@pytest.mark.parametrize("part", ["pretraining", "fine_tuning"])
@pytest.mark.parametrize("length", [0, 2, 41, 1000])  # the model has 40 positions
def test_lengths_that_the_model_cannot_read(micro, part, length):
    with pytest.raises(ValueError, match=f"{part}.max_length is {length}, .*from [34] to 40"):
        checks.check_profile(micro.replace(**{part: {"max_length": length}}))
    checks.check_profile(micro.replace(**{part: {"max_length": 40}}))


def test_robertas_positions_begin_after_the_padding():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 60}
    config = RobertaConfig(**sizes, max_position_embeddings=34, pad_token_id=1)
    positions = checks.positions_of(config)
    model = training.load_mlm(None, config).eval()
    assert positions == 32
    assert model(torch.full((1, positions), 5)).logits.shape == (1, 32, 60)
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, positions + 1), 5))
    assert checks.positions_of(BertConfig(max_position_embeddings=40)) == 40


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"vocab_size": 70}, "the tokenizer of .* has [0-9]+ tokens, the model only 70 embeddings"),
        ({"type_vocab_size": 1}, "gives two token types, the model has 1"),
    ],
)
def test_a_tokenizer_that_is_not_the_models(micro, tmp_path, tokenizer, changes, message):
    own = BertTokenizer(vocab={f"[{i}]": i for i in range(90)} | tokenizer.get_vocab())
    own.save_pretrained(tmp_path)
    config = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=200)
    BertConfig(**config | changes).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        checks.check_profile(micro.replace(pretraining={"model": str(tmp_path)}))


@pytest.mark.parametrize("part", ["pretraining", "fine_tuning"])
@pytest.mark.parametrize(
    "option, error, message",
    [
        (("weight_decoy", 0.1), TypeError, "'weight_decoy'.*did you mean weight_decay"),
        (("max_steps", 5), ValueError, "'max_steps' cannot be set"),
        (("learning_rate", 5), ValueError, "'learning_rate' cannot be set"),
    ],
)
def test_options_are_held_against_the_trainers_fields(micro, part, option, error, message):
    with pytest.raises(error, match=message):
        checks.check_profile(micro.replace(**{part: {"options": (option,)}}))
    checks.check_profile(micro.replace(**{part: {"options": (("weight_decay", 0.1),)}}))


# Examples in the documentation


@pytest.mark.parametrize(
    "room",
    ["checks", "conditions", "data", "profiles", "pruning", "tasks", "training", "weights"],
)
def test_examples_in_docstrings_run(room):
    assert doctest.testmod(importlib.import_module(f"helpers.{room}")).failed == 0
