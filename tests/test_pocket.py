import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from helpers import pocket

WORLD = pocket.world()
CONCEPTS = [*WORLD.weights, *WORLD.hypernyms.values()]
NOUNS = {concept for group in WORLD.nouns.values() for concept in group}
BY_WORD = {word: concept for concept in CONCEPTS for pair in concept.words for word in pair}
SINGULAR, PLURAL = (set(pocket.DETERMINERS[number].split()) for number in ("singular", "plural"))
COUNT = 300
each_task = pytest.mark.parametrize("task", pocket.TASKS)


def examples(task, split="validation", count=COUNT):
    return pocket.task_examples(task, split, count)


def labelled(task, label, split="validation"):
    """The examples of a label, each as a list of its texts, each of those as a list of words."""
    number = pocket.LABELS[task].index(label)
    return [
        [row[column].split() for column in pocket.COLUMNS[task]]
        for row in examples(task, split)
        if row["label"] == number
    ]


def concepts(words):
    """The concepts that a text speaks of; each word belongs to only one."""
    return Counter(BY_WORD[word] for word in words if word in BY_WORD)


def adjectives(words):
    return {concept for concept in concepts(words) if concept.kind == "adjective"}


def opposites(first, second):
    return {
        (a, b)
        for a in adjectives(first)
        for b in adjectives(second)
        if a.scale == b.scale and a is not b
    }


# The lexicon


def test_no_word_has_two_meanings():
    owners = {}
    for concept in CONCEPTS:
        for word in {word for pair in concept.words for word in pair}:
            owners.setdefault(word, []).append((concept.kind, concept.words[0][0]))
    for word in " ".join(
        [*pocket.DETERMINERS.values(), *pocket.COMMENTS.values(), pocket.OTHER_WORDS]
    ).split():
        if word in owners:
            owners[word].append("a function word")
    assert {word: meanings for word, meanings in owners.items() if len(meanings) > 1} == {}


def test_each_comment_says_one_thing():
    words = " ".join(pocket.COMMENTS.values()).split()
    assert len(words) == len(set(words)) and not set(words) & set(pocket.OTHER_WORDS.split())


def test_a_form_has_one_number():
    """Else agreement could not be judged: no noun's plural is a singular."""
    nouns = [pair for concept in NOUNS for pair in concept.words]
    assert not {singular for singular, _ in nouns} & {plural for _, plural in nouns}


def test_each_scale_has_two_opposite_sides():
    for concept in WORLD.adjectives:
        (opposite,) = (a for a in WORLD.adjectives if a.scale == concept.scale and a is not concept)
        assert {concept.polarity, opposite.polarity} in ({"good", "bad"}, {"neutral"})


# Determinism


def test_same_seed_same_text_other_seed_other_text():
    assert pocket.passages(50, seed=1) == pocket.passages(50, seed=1)
    assert pocket.passages(50, seed=1) != pocket.passages(50, seed=2)
    assert pocket.passages(50, seed=1) == pocket.passages(80, seed=1)[:50]


def test_nothing_depends_on_pythons_hash_seed_and_nothing_needs_torch():
    """In a process of its own that imports the file by its path: every set in another order."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(pocket.__file__).parent)!r})
import pocket
print(pocket.passages(30, seed=3), pocket.task_examples("mnli", "train", 12))
print(pocket.world().vocabulary)
assert not {{"torch", "numpy", "transformers", "datasets"}} & set(sys.modules)
"""
    expected = (
        f"{pocket.passages(30, seed=3)} {examples('mnli', 'train', 12)}\n{WORLD.vocabulary}\n"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
        )
        assert done.stdout == expected, done.stderr


# Text


def test_passages_are_two_sentences_in_the_worlds_words():
    vocabulary = set(WORLD.vocabulary)
    comments = set(" ".join(pocket.COMMENTS.values()).split())
    passages = pocket.passages(COUNT)
    for first, second in passages:
        assert set(f"{first} {second}".split()) <= vocabulary
        assert first[-1] in ".?" and second.split()[-1] in comments and second.split()[-2] in ".?"
    assert len(set(passages)) > 0.9 * COUNT


def test_every_word_is_spoken_sooner_or_later():
    spoken = {
        word
        for passage in pocket.passages(20_000)
        for sentence in passage
        for word in sentence.split()
    }
    assert len(set(WORLD.vocabulary) - spoken) < 0.02 * len(WORLD.vocabulary)


# Tasks


@each_task
def test_columns_are_glues(task):
    assert all(list(row) == [*pocket.COLUMNS[task], "label", "idx"] for row in examples(task))


@each_task
@pytest.mark.parametrize("split", ["train", "validation"])
def test_labels_are_balanced(task, split):
    counts = Counter(row["label"] for row in examples(task, split))
    assert counts == {
        label: COUNT / len(pocket.LABELS[task]) for label in range(len(pocket.LABELS[task]))
    }


@each_task
def test_examples_seldom_repeat(task):
    texts = {tuple(row[column] for column in pocket.COLUMNS[task]) for row in examples(task)}
    assert len(texts) > 0.9 * COUNT


@each_task
def test_training_uses_a_third_of_the_concepts_and_validation_all(task):
    used = {
        split: {
            c
            for row in examples(task, split, 1000)
            for column in pocket.COLUMNS[task]
            for c in concepts(row[column].split())
        }
        - set(WORLD.hypernyms.values())
        for split in ("train", "validation")
    }
    assert used["train"] <= WORLD.common
    assert len(used["train"]) < 0.45 * len(WORLD.weights)
    assert len(used["validation"]) > 0.85 * len(WORLD.weights)


def numbers_agree(words):
    """Whether a sentence is as the grammar wants it, judged from its words alone.

    For example "the happy fox eats some apples kindly .".
    """

    def noun_phrase(at):
        """Where the phrase that begins here ends, and the numbers that it may have."""
        if at >= len(words) or words[at] not in SINGULAR | PLURAL:
            return None
        number = {n for n, group in ((0, SINGULAR), (1, PLURAL)) if words[at] in group}
        at += 1
        if words[at] in BY_WORD and BY_WORD[words[at]].kind == "adjective":
            at += 1
        concept = BY_WORD.get(words[at])
        if concept not in NOUNS:
            return None
        return (
            at + 1,
            number & {pair.index(words[at]) for pair in concept.words if words[at] in pair},
            concept,
        )

    subject = noun_phrase(0)
    if not subject or not subject[1]:
        return False
    verbs = [(kind, concept) for kind, group in WORLD.verbs.items() for concept in group]
    verb = [
        (kind, pair.index(words[subject[0]]))
        for kind, concept in verbs
        for pair in concept.words
        if words[subject[0]] in pair
    ]
    what = noun_phrase(subject[0] + 1)
    if not verb or not what or not what[1]:
        return False
    return any(number in subject[1] and what[2] in WORLD.nouns[kind] for kind, number in verb)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_cola_is_judged_by_the_grammar(split):
    assert all(numbers_agree(words) for (words,) in labelled("cola", "acceptable", split))
    assert not any(numbers_agree(words) for (words,) in labelled("cola", "unacceptable", split))


@pytest.mark.parametrize(
    "label, wanted, unwanted", [("positive", "good", "bad"), ("negative", "bad", "good")]
)
def test_sst2_speaks_in_one_mood(label, wanted, unwanted):
    """Not to be bad is good, and the other way round."""
    for (words,) in labelled("sst2", label):
        moods = Counter(concept.polarity for concept in concepts(words))
        shown, absent = (unwanted, wanted) if "not" in words else (wanted, unwanted)
        assert moods[shown] >= 1 and moods[absent] == 0, words


def test_qqp_duplicates_ask_the_same_in_other_words():
    pairs = labelled("qqp", "duplicate")
    assert all(concepts(first) == concepts(second) for first, second in pairs)
    assert sum(first != second for first, second in pairs) > 0.8 * len(pairs)


def test_qqp_others_differ_in_one_thing():
    for first, second in labelled("qqp", "not_duplicate"):
        assert (
            sum((concepts(first) - concepts(second)).values())
            == 1
            == sum((concepts(second) - concepts(first)).values())
        )


def test_mnli_contradictions_say_the_opposite():
    for premise, hypothesis in labelled("mnli", "contradiction"):
        assert len(opposites(premise, hypothesis)) == 1, (premise, hypothesis)


def test_mnli_entailments_say_nothing_new():
    for premise, hypothesis in labelled("mnli", "entailment"):
        new = set(concepts(hypothesis)) - set(concepts(premise)) - set(WORLD.hypernyms.values())
        assert not new, (premise, hypothesis)
        for hypernym in set(concepts(hypothesis)) & set(WORLD.hypernyms.values()):
            assert set(concepts(premise)) & set(WORLD.nouns[hypernym.kind])


def test_mnli_neutral_hypotheses_say_something_else():
    for premise, hypothesis in labelled("mnli", "neutral"):
        assert not opposites(premise, hypothesis) and adjectives(hypothesis) - adjectives(
            premise
        ), (premise, hypothesis)


def test_qnli_answers_speak_of_what_was_asked():
    for question, sentence in labelled("qnli", "entailment"):
        assert set(concepts(question)) <= set(concepts(sentence)), (question, sentence)
    for question, sentence in labelled("qnli", "not_entailment"):
        assert not set(concepts(question)) <= set(concepts(sentence)), (question, sentence)
