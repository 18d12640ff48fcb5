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


def opposite(a, b):
    return a.scale == b.scale and a is not b


def moods(words):
    """Of each word with a mood, "good" or "bad"; not good is bad, and not bad is good."""
    found = []
    for before, word in zip(["", *words], words):
        mood = BY_WORD[word].polarity if word in BY_WORD else "neutral"
        if mood != "neutral":
            found.append(pocket.AGAINST[mood] if before == "not" else mood)
    return found


def what_counts(words):
    """Of a sentence's clauses the one that counts: behind "but", or the one without "though"."""
    if "but" in words:
        return words[words.index("but") + 1 :]
    if words[0] == "though":
        return words[len(words) - 1 - words[::-1].index("the") :]
    return words[: words.index("though")] if "though" in words else words


def said_of(words, noun):
    """The adjective that stands before a noun or is said of it, where "not" gives the opposite."""
    at = next(i for i, word in enumerate(words) if BY_WORD.get(word) is noun)
    if words[at + 1] in ("is", "are"):
        adjective = BY_WORD[words[-2]]
        if "not" in words:
            return next(a for a in WORLD.adjectives if opposite(a, adjective))
        return adjective
    before = BY_WORD.get(words[at - 1])
    return before if before and before.kind == "adjective" else None


def first_noun(words):
    return next(BY_WORD[word] for word in words if BY_WORD.get(word) in NOUNS)


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
        assert second.split()[-1] in comments and second.split()[-2] in ".?"
        assert first[-1] in ".?" or len(first.split()) <= 2  # a line of the dictionary
    assert len(set(passages)) > 0.9 * COUNT


def commented(kind, comment, count=1_000):
    """Passages of a kind with a comment, each as two lists of words, the comment left out."""
    words = pocket.COMMENTS[comment].split()
    pairs = [(first.split(), second.split()) for first, second in pocket.passages(count, kind=kind)]
    found = [(first, second[:-1]) for first, second in pairs if second[-1] in words]
    assert len(found) > 0.02 * count
    return found


def test_the_dictionary_says_what_means_the_same():
    for first, second in commented("dictionary", "same"):
        assert concepts(first) == concepts(second), (first, second)
    for first, second in commented("dictionary", "different"):
        only = concepts(first) - concepts(second), concepts(second) - concepts(first)
        ((one,), (other,)) = only  # they differ in one word
        assert one.kind == other.kind, (first, second)
        assert one.scale < 0 or one.scale != other.scale, (first, second)


def test_the_dictionary_knows_opposites_and_categories():
    for comment in pocket.LABELS["mnli"]:
        for (first,), (second, _) in commented("dictionary", comment):
            one, other = BY_WORD[first], BY_WORD[second]
            if one.kind == "adjective":
                right = {
                    "entailment": one is other,
                    "contradiction": opposite(one, other),
                    "neutral": one.scale != other.scale,
                }
            else:
                within = one.kind == other.kind
                right = {"entailment": within, "contradiction": not within, "neutral": False}
                assert other in WORLD.hypernyms.values()
            assert right[comment], (first, second, comment)


@pytest.mark.parametrize("mood", ["good", "bad"])
def test_the_dictionary_knows_moods(mood):
    for first, second in commented("dictionary", mood):
        assert moods(first) == moods(second) == [mood]


def test_the_dictionarys_short_questions_are_answered_or_not():
    for comment in ("answer", "no_answer"):
        for question, sentence in commented("dictionary", comment):
            assert question[0] in ("who", "what") and question[-1] == "?"
            told = {BY_WORD[word] for word in sentence[:-1]}
            assert ({BY_WORD[word] for word in question[1:-1]} <= told) == (comment == "answer")


@pytest.mark.parametrize("mood", ["good", "bad"])
def test_a_storys_mood_is_that_of_the_clause_that_counts(mood):
    for first, second in commented("story", mood):
        assert mood in moods(what_counts(first)) and pocket.AGAINST[mood] not in moods(second)


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
    asked = set(WORLD.weights)
    if task == "sst2":  # how people and animals are, and nothing else
        asked = {*WORLD.subjects, *(a for a in WORLD.adjectives if a.polarity != "neutral")}
    assert used["train"] <= WORLD.common
    assert len(used["train"]) < 0.45 * len(asked)
    assert len(used["validation"]) > 0.85 * len(asked)


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
    rest = words[what[0] :]
    if len(rest) > 2 or any(BY_WORD[word].kind != "adverb" for word in rest[:-1]):
        return False
    return any(number in subject[1] and what[2] in WORLD.nouns[kind] for kind, number in verb)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_cola_is_judged_by_the_grammar(split):
    assert all(numbers_agree(words) for (words,) in labelled("cola", "acceptable", split))
    assert not any(numbers_agree(words) for (words,) in labelled("cola", "unacceptable", split))


@pytest.mark.parametrize("label, mood", [("positive", "good"), ("negative", "bad")])
def test_sst2_is_judged_by_most_of_what_counts(label, mood):
    sizes = Counter()
    for (words,) in labelled("sst2", label):
        counted = Counter(moods(what_counts(words)))
        assert counted[mood] > counted[pocket.AGAINST[mood]], words
        sizes[sum(counted.values())] += 1
    assert set(sizes) == {1, 3} and sizes[1] > 2 * sizes[3]


def test_qqp_duplicates_ask_the_same_in_other_words():
    pairs = labelled("qqp", "duplicate")
    assert all(concepts(first) == concepts(second) for first, second in pairs)
    assert sum(first != second for first, second in pairs) > 0.8 * len(pairs)


def test_qqp_others_differ_in_one_thing():
    for first, second in labelled("qqp", "not_duplicate"):
        here, there = concepts(first), concepts(second)
        changes = [sum((here - there).values()), sum((there - here).values())]
        assert changes == [1, 1], (first, second)


def new_in(premise, hypothesis):
    """What a hypothesis says besides its adjective that its premise did not say."""
    said, categories = set(concepts(premise)), set(WORLD.hypernyms.values())
    implied = {WORLD.hypernyms[concept.kind] for concept in said if concept in NOUNS}
    new = set(concepts(hypothesis)) - said - implied
    return {concept for concept in new if concept.kind != "adjective" or concept in categories}


@pytest.mark.parametrize("label", pocket.LABELS["mnli"])
def test_mnli_is_judged_by_what_the_hypothesis_says_of_the_premises_subject(label):
    for premise, hypothesis in labelled("mnli", label):
        subject, new = first_noun(premise), new_in(premise, hypothesis)
        if new:  # of another thing or deed nothing was said
            assert label == "neutral" and len(new) == 1, (premise, hypothesis)
            continue
        was, claimed = said_of(premise, subject), said_of(hypothesis, subject)
        right = {
            "entailment": was is claimed,
            "contradiction": opposite(was, claimed),
            "neutral": was.scale != claimed.scale,
        }
        assert right[label], (premise, hypothesis)


def test_qnli_answers_speak_of_what_was_asked():
    for question, sentence in labelled("qnli", "entailment"):
        assert set(concepts(question)) <= set(concepts(sentence)), (question, sentence)
    for question, sentence in labelled("qnli", "not_entailment"):
        assert not set(concepts(question)) <= set(concepts(sentence)), (question, sentence)
