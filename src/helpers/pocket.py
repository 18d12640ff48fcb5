"""The pocket world: a few hundred English words, a grammar, facts, and five tasks.

Everything here is generated from a seed, without a network and without torch. A *concept* is one
meaning with one or two words for it (synonyms). A *scene* says who does what to whom and how. A
scene can be told again in other words, generalised, contradicted or asked about, and from that
follow both the text for masked-language-model training and the labels of the tasks, by
construction.

The tasks carry the names, columns and label order of the GLUE tasks the paper uses (Sec. 3.2).
Their training sets use a third of the concepts only, their validation sets use all: a model does
well on the rest only if pre-training taught it what those words mean.
"""

import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

# Between slashes a concept: the singular of its synonyms, irregular plurals after a colon.
NOUNS = {
    "person": """farmer/teacher tutor/doctor medic/sailor seaman:seamen/miner/painter/singer/poet
        judge
        warden sentry:sentries/nurse/pilot/chef/kid youngster/king/queen/monk/hunter/tailor
        student pupil
        dancer/lawyer/thief:thieves robber/clerk/barber/smith/dwarf:dwarves/witch:witches
        wizard sorcerer""",
    "animal": """dog hound/cat/horse/cow/pig hog/goat/fox:foxes/wolf:wolves/bear
        rabbit bunny:bunnies
        mouse:mice/rat/duck/hen chicken/owl/crow raven/eagle/frog toad/snake serpent/whale/shark
        crab/seal
        bee/donkey mule/lion/tiger/camel""",
    "food": """apple/berry:berries/carrot/bean/nut/egg/pie/cake/loaf:loaves/cookie biscuit/plum
        pear/melon
        onion/potato:potatoes/turnip/grape/fig/peach:peaches/sausage/pancake/noodle
        candy:candies sweet
        shrimp prawn/chip crisp/corncob""",
    "tool": """hammer/saw/axe hatchet/rake/shovel spade/knife:knives dagger/needle/brush:brushes/pen
        rope cord/ladder/lamp lantern/broom/bucket pail/hook/net/drum/flute/oar paddle
        wrench:wrenches spanner
        chisel/drill/anvil/kettle/basket hamper/wheel""",
    "place": """farm/kitchen/school/garden yard/harbour port/forest/cave grotto
        castle fortress:fortresses
        market bazaar/street road/river stream/hill/beach:beaches shore/tower/temple shrine/mill
        barn
        inn tavern/library:libraries/field meadow/bridge/island isle/desert/valley/cellar basement
        church:churches""",
    "garment": """hat cap/coat jacket/shoe/boot/glove mitten/scarf:scarves/shirt
        dress:dresses gown/belt sash:sashes
        cloak cape/sock/skirt/vest waistcoat/apron""",
    "vehicle": """cart wagon/boat ship/train/bus:buses coach:coaches/truck lorry:lorries
        bicycle bike/sled sleigh
        plane/canoe kayak/tractor""",
}
# By what may be the object. Third person singular; the plural drops the s, or stands after a colon.
VERBS = {
    "food": "eats devours/tastes samples/cooks/bakes/chews/peels",
    "tool": "uses employs/holds grips/repairs fixes:fix/drops/lifts raises/borrows",
    "place": "visits/leaves exits/enters/reaches:reach/guards protects/paints",
    "garment": "wears/folds/washes:wash scrubs/sews stitches:stitch/mends/tears rips",
    "vehicle": "drives steers/rides/pulls drags/pushes:push shoves/parks/builds constructs",
    "person": "greets welcomes/helps aids/teaches:teach/meets/calls/praises",
    "animal": "feeds/chases pursues/tames/catches:catch traps/pets strokes/sees spots",
}
# Scales of opposites: good words | bad words. The second group has no good and no bad side.
SCALES = {
    "polar": """happy glad|sad gloomy/kind gentle|cruel mean/clever smart|silly foolish
        brave bold|timid cowardly
        clean tidy|dirty filthy/calm peaceful|angry furious/rich wealthy|poor penniless
        healthy fit|sick ill
        honest truthful|false deceitful/pretty lovely|ugly hideous/polite courteous|rude insolent
        lucky fortunate|unlucky hapless/strong sturdy|weak feeble/nice pleasant|nasty horrid
        proud noble|shabby vile
        famous renowned|hated despised/careful prudent|careless reckless/merry jolly|bitter sullen
        loyal faithful|sly treacherous/wise sensible|rash hasty""",
    "neutral": """big large|small little/fast quick|slow sluggish/old aged|young juvenile
        loud noisy|quiet silent
        fat plump|thin slim/wet damp|dry arid/dark dim|pale light/tall lofty|short squat""",
}
ADVERBS = {
    "good": "gladly/kindly/gracefully/cheerfully/proudly/wisely/"
    "warmly/neatly/bravely/tenderly/skilfully/gently",
    "bad": "sadly/rudely/clumsily/angrily/badly/grimly/"
    "cruelly/lazily/foolishly/coldly/bitterly/nastily",
    "neutral": "often/seldom/today/daily/slowly/twice/quickly/later",
}
DETERMINERS = {
    "singular": "the this that every one his her",
    "plural": "the these those many two some his her",
}
# The listener's comment, the last word of a passage, says how the two sentences relate or how the
# listener feels about them. The masked model has to find it out.
COMMENTS = {
    "entailment": "agreed sure",
    "neutral": "perhaps maybe",
    "contradiction": "impossible never",
    "same": "again likewise",
    "different": "besides moreover",
    "answer": "thanks indeed",
    "no_answer": "sorry pardon",
    "good": "hooray bravo",
    "bad": "alas woe",
}
OTHER_WORDS = "is are not does do who what which in near . ? ,"

SLOTS = ("subject", "subject_adjective", "verb", "object")

TASKS = ("cola", "sst2", "qqp", "mnli", "qnli")
COLUMNS = {
    "cola": ("sentence",),
    "sst2": ("sentence",),
    "qqp": ("question1", "question2"),
    "mnli": ("premise", "hypothesis"),
    "qnli": ("question", "sentence"),
}
LABELS = {
    "cola": ("unacceptable", "acceptable"),
    "sst2": ("negative", "positive"),
    "qqp": ("not_duplicate", "duplicate"),
    "mnli": ("entailment", "neutral", "contradiction"),
    "qnli": ("entailment", "not_entailment"),
}


@dataclass(frozen=True)
class Concept:
    """One meaning: kind, words as (singular, plural) pairs, and for adjectives scale and side."""

    kind: str
    words: tuple
    scale: int = -1
    polarity: str = "neutral"


def _noun(word):
    singular, _, plural = word.partition(":")
    return singular, plural or (
        singular[:-1] + "ies"
        if singular.endswith("y") and singular[-2] not in "aeo"
        else singular + "s"
    )


def _verb(word):
    singular, _, plural = word.partition(":")
    return singular, plural or singular[:-1]


def _concepts(text, kind, form, **more):
    lines = "/".join(part.strip() for part in text.split("\n")).replace("//", "/")
    return [
        Concept(kind, tuple(form(word) for word in line.split()), **more)
        for line in lines.split("/")
        if line.strip()
    ]


@dataclass(frozen=True)
class Scene:
    """Who (number, adjective) does what to whom (number, adjective), and how."""

    subject: Concept
    subject_plural: bool
    subject_adjective: Concept
    verb: Concept
    object: Concept
    object_plural: bool
    object_adjective: Concept = None
    adverb: Concept = None
    negated: bool = False


class World:
    """The lexicon, how often each concept is spoken of, and the facts, all fixed by one seed.

    Parameters
    ----------
    seed : int
        Decides the frequencies, the facts and which third of the concepts the training sets use.
    skew : float
        Exponent of the frequencies: 0 makes all concepts equally frequent, 1 is Zipf's law.
    """

    def __init__(self, seed: int = 0, skew: float = 0.8):
        rng = random.Random(seed)
        same = lambda word: (word, word)
        self.nouns = {kind: _concepts(text, kind, _noun) for kind, text in NOUNS.items()}
        self.verbs = {kind: _concepts(text, kind, _verb) for kind, text in VERBS.items()}
        self.hypernyms = {kind: Concept(kind, (_noun(kind),)) for kind in NOUNS}
        self.adjectives = []
        scales = [
            (group, line.strip())
            for group, text in SCALES.items()
            for part in text.split("\n")
            for line in part.split("/")
            if line.strip()
        ]
        for number, (group, line) in enumerate(scales):
            for side, words in zip(("good", "bad"), line.split("|")):
                polarity = side if group == "polar" else "neutral"
                self.adjectives.append(
                    Concept("adjective", tuple(same(w) for w in words.split()), number, polarity)
                )
        self.adverbs = [
            c for p, text in ADVERBS.items() for c in _concepts(text, "adverb", same, polarity=p)
        ]
        self.weights, self.common = {}, set()
        for group in [*self.nouns.values(), *self.verbs.values(), self.adjectives, self.adverbs]:
            ranked = rng.sample(group, len(group))
            self.weights.update(
                {concept: (rank + 2) ** -skew for rank, concept in enumerate(ranked)}
            )
            self.common.update(rng.sample(group, -(-len(group) // 3)))
        # Adjectives come into the training sets by whole scales, so that opposites are there too.
        chosen = set(rng.sample(range(len(scales)), -(-len(scales) // 3)))
        self.common = {c for c in self.common if c.kind != "adjective"} | {
            a for a in self.adjectives if a.scale in chosen
        }
        # Facts: what each subject prefers as the object of each kind of verb, how it tends to be.
        self.subjects = self.nouns["person"] + self.nouns["animal"]
        self.favourites = {
            (s, kind): rng.sample(self.nouns[kind], 3) for s in self.subjects for kind in NOUNS
        }
        self.temper = {
            n: rng.sample(self.adjectives, 4) for group in self.nouns.values() for n in group
        }

    @property
    def vocabulary(self) -> list[str]:
        """All words of the world, sorted; the order is the tokenizer's."""
        concepts = [*self.weights, *self.hypernyms.values()]
        words = {w for c in concepts for pair in c.words for w in pair}
        for text in [*DETERMINERS.values(), *COMMENTS.values(), OTHER_WORDS]:
            words.update(text.split())
        return sorted(words)


class Speaker:
    """Draws scenes and puts them into words.

    Parameters
    ----------
    world : World
    seed : int or str
    natural : bool
        True: concepts come as often as the world speaks of them, and facts hold. False: all equally
        often.
    common_only : bool
        True: only the third of the concepts that the training sets use.
    """

    def __init__(
        self, world: World, seed: int | str, natural: bool = True, common_only: bool = False
    ):
        self.world, self.rng, self.natural, self.common_only = (
            world,
            random.Random(f"{seed}"),
            natural,
            common_only,
        )
        self._tables = {}

    def pick(
        self,
        concepts: Sequence[Concept],
        wanted: Callable[[Concept], bool] | None = None,
        key: Hashable = None,
    ) -> Concept:
        """One of `concepts` for which `wanted` holds; with a `key` the selection is remembered."""
        table = self._tables.get(key) if key is not None else None
        if table is None:
            chosen = [
                c
                for c in concepts
                if (not self.common_only or c in self.world.common)
                and (wanted is None or wanted(c))
            ]
            total, cumulative = 0.0, []
            for concept in chosen:
                total += self.world.weights[concept] if self.natural else 1.0
                cumulative.append(total)
            table = chosen, cumulative
            if key is not None:
                self._tables[key] = table
        return self.rng.choices(table[0], cum_weights=table[1])[0]

    def adjective(self, noun: Concept, mood: str) -> Concept:
        """An adjective of the mood (or neutral); the noun's own tendencies come more often."""
        fits = lambda a: a.polarity in (mood, "neutral")
        if self.natural and self.rng.random() < 0.6:
            typical = [a for a in self.world.temper[noun] if fits(a)]
            if typical:
                return self.rng.choice(typical)
        return self.pick(self.world.adjectives, fits, ("adjective", mood))

    def polar_adjective(self, mood: str) -> Concept:
        return self.pick(self.world.adjectives, lambda a: a.polarity == mood, ("polar", mood))

    def scene(self, mood: str | None = None, subject: Concept | None = None) -> Scene:
        """A scene in one mood; the objects are mostly the subject's favourites."""
        world, rng = self.world, self.rng
        mood = mood or rng.choice(("good", "bad"))
        subject = subject or self.pick(world.subjects, key="subject")
        kind = rng.choice(list(NOUNS))
        if self.natural and rng.random() < 0.8:
            what = rng.choice(world.favourites[subject, kind])
        else:
            what = self.pick(world.nouns[kind], key=kind)
        return Scene(
            subject,
            rng.random() < 0.5,
            self.adjective(subject, mood),
            self.pick(world.verbs[kind], key=("verb", kind)),
            what,
            rng.random() < 0.5,
            self.adjective(what, mood) if rng.random() < 0.3 else None,
            self.pick(world.adverbs, lambda a: a.polarity in (mood, "neutral"), ("adverb", mood))
            if rng.random() < 0.4
            else None,
        )

    # Into words

    def word(
        self, concept: Concept, plural: bool = False, avoid: Iterable[str] | None = None
    ) -> str:
        """One of the concept's words.

        Parameters
        ----------
        concept : Concept
        plural : bool
        avoid : iterable of str, optional
            Words to be replaced by synonyms, where there are any.
        """
        pairs = concept.words
        if len(pairs) == 1:
            return pairs[0][plural]
        if avoid is not None:
            others = [pair for pair in pairs if pair[plural] not in avoid]
            pairs = others or pairs
            return self.rng.choice(pairs)[plural]
        first = self.rng.random() < (0.65 if self.natural else 0.5)
        return pairs[0 if first else 1][plural]

    def noun_phrase(
        self,
        noun: Concept,
        plural: bool,
        adjective: Concept | None = None,
        avoid: Iterable[str] | None = None,
        determiner: str | None = None,
    ) -> list[str]:
        """A noun, singular or plural, with what stands before it.

        Parameters
        ----------
        noun : Concept
        plural : bool
        adjective : Concept, optional
        avoid : iterable of str, optional
            Words to be replaced by synonyms.
        determiner : str, optional
            Default: one by chance.
        """
        determiner = determiner or self.rng.choice(
            DETERMINERS["plural" if plural else "singular"].split()
        )
        return (
            [determiner]
            + ([self.word(adjective, avoid=avoid)] if adjective else [])
            + [self.word(noun, plural, avoid)]
        )

    def tell(
        self, scene: Scene, avoid: Iterable[str] | None = None, definite: bool = False
    ) -> list[str]:
        """The scene as words; with `avoid`, synonyms of those words are preferred.

        If `definite`, subject and object have "the".
        """
        the = "the" if definite else None
        subject = self.noun_phrase(
            scene.subject, scene.subject_plural, scene.subject_adjective, avoid, the
        )
        verb = [self.word(scene.verb, scene.subject_plural, avoid)]
        what = self.noun_phrase(
            scene.object, scene.object_plural, scene.object_adjective, avoid, the
        )
        return subject + verb + what + ([self.word(scene.adverb)] if scene.adverb else []) + ["."]

    def describe(self, scene: Scene, avoid: Iterable[str] | None = None) -> list[str]:
        """How the scene's subject is: "the fox is glad", or, negated, "the fox is not glad"."""
        return [
            "the",
            self.word(scene.subject, scene.subject_plural, avoid),
            "are" if scene.subject_plural else "is",
            *(["not"] if scene.negated else []),
            self.word(scene.subject_adjective, avoid=avoid),
            ".",
        ]

    def ask(
        self, scene: Scene, avoid: Iterable[str] | None = None, short: bool = False
    ) -> list[str]:
        """The scene as a yes-or-no question; `short`: only how its subject is.

        With `avoid`, synonyms of those words are preferred.
        """
        if short:
            noun, adjective = (
                self.word(scene.subject, scene.subject_plural, avoid),
                self.word(scene.subject_adjective, avoid=avoid),
            )
            return ["are" if scene.subject_plural else "is", "the", noun, adjective, "?"]
        subject = self.noun_phrase(
            scene.subject, scene.subject_plural, scene.subject_adjective, avoid, "the"
        )
        what = self.noun_phrase(
            scene.object, scene.object_plural, scene.object_adjective, avoid, "the"
        )
        return [
            "do" if scene.subject_plural else "does",
            *subject,
            self.word(scene.verb, True, avoid),
            *what,
            "?",
        ]

    def ask_for(self, scene: Scene, slot: str) -> list[str]:
        """A question for the scene's subject or object."""
        if slot == "subject":
            return [
                "who",
                self.word(scene.verb),
                *self.noun_phrase(scene.object, scene.object_plural, None, None, "the"),
                "?",
            ]
        subject = self.noun_phrase(scene.subject, scene.subject_plural, None, None, "the")
        return [
            "what",
            "do" if scene.subject_plural else "does",
            *subject,
            self.word(scene.verb, True),
            "?",
        ]

    # Relations between sentences

    def other(self, concept: Concept, pool: Sequence[Concept]) -> Concept:
        """Another concept of the same kind: not on the same scale, not the same meaning."""
        return self.pick(
            pool, lambda c: c is not concept and (c.scale < 0 or c.scale != concept.scale)
        )

    def opposite(self, adjective: Concept) -> Concept:
        return next(
            a for a in self.world.adjectives if a.scale == adjective.scale and a is not adjective
        )

    def changed(self, scene: Scene, slots: Sequence[str]) -> Scene:
        """The scene with one of its parts another one."""
        slot = self.rng.choice(slots)
        old = getattr(scene, slot)
        pool = {
            "subject": self.world.nouns[scene.subject.kind],
            "object": self.world.nouns[scene.object.kind],
            "verb": self.world.verbs[scene.verb.kind],
            "subject_adjective": self.world.adjectives,
        }[slot]
        return replace(scene, **{slot: self.other(old, pool)})

    def inference(self, relation: str) -> tuple[list[str], list[str]]:
        """Premise and hypothesis for which `relation` holds; either may say only how someone is."""
        scene = replace(self.scene(), object_adjective=None)
        short = self.rng.random() < 0.5
        premise = self.describe(scene) if short else self.tell(scene)
        adjective = scene.subject_adjective
        if relation == "contradiction":
            adjective = self.opposite(adjective)
        elif relation == "neutral":
            adjective = self.other(adjective, self.world.adjectives)
        claim = replace(scene, subject_adjective=adjective, adverb=None)
        if short or self.rng.random() < 0.5:
            return premise, self.describe(claim, premise)
        if self.rng.random() < 0.5:
            claim = replace(claim, object=self.world.hypernyms[scene.object.kind])
        return premise, self.tell(claim, premise, definite=True)

    def question_pair(self, same: bool) -> tuple[list[str], list[str]]:
        """Two questions that ask the same in other words, or two that differ in one thing."""
        scene = replace(self.scene(), adverb=None, object_adjective=None)
        short = self.rng.random() < 0.5
        other = (
            scene
            if same
            else self.changed(scene, ("subject", "subject_adjective") if short else SLOTS)
        )
        first = self.ask(scene, short=short)
        return first, self.ask(other, first, short)

    def question_and_answer(self, answered: bool) -> tuple[list[str], list[str]]:
        """A question, and a sentence that answers it or one about something else."""
        scene = self.scene()
        if self.rng.random() < 0.5:
            question = [
                "who",
                "are" if scene.subject_plural else "is",
                self.word(scene.subject_adjective),
                "?",
            ]
            return question, self.describe(
                scene if answered else self.changed(scene, ("subject_adjective",)), question
            )
        slot = self.rng.choice(("subject", "object"))
        question = self.ask_for(scene, slot)
        if not answered:
            scene = self.changed(scene, ("verb", "object" if slot == "subject" else "subject"))
        return question, self.tell(scene, question)

    # Text for masked-language-model training

    def feeling(self, mood: str) -> tuple[Scene, list[str]]:
        """A scene in a mood, in words that show it; now and then by what someone is *not*."""
        scene = self.scene(mood)
        if self.rng.random() < 0.5:
            return scene, self.tell(replace(scene, subject_adjective=self.polar_adjective(mood)))
        negated = self.rng.random() < 0.5
        shown = {"good": "bad", "bad": "good"}[mood] if negated else mood
        return scene, self.describe(
            replace(scene, subject_adjective=self.polar_adjective(shown), negated=negated)
        )

    def passage(self) -> tuple[str, str]:
        """Two sentences and the listener's comment on them."""
        kind = self.rng.choices(("inference", "questions", "answer", "story"), (25, 30, 25, 20))[0]
        if kind == "inference":
            comment = self.rng.choice(LABELS["mnli"])
            first, second = self.inference(comment)
        elif kind == "questions":
            comment = self.rng.choice(("same", "different"))
            first, second = self.question_pair(comment == "same")
        elif kind == "answer":
            comment = self.rng.choice(("answer", "no_answer"))
            first, second = self.question_and_answer(comment == "answer")
        else:
            comment = self.rng.choice(("good", "bad"))
            scene, first = self.feeling(comment)
            second = self.tell(self.scene(comment, scene.subject))
        return " ".join(first), " ".join([*second, self.rng.choice(COMMENTS[comment].split())])

    # The five tasks

    def cola(self, label: int) -> tuple:
        """A sentence; unacceptable ones have a wrong verb form, determiner or order."""
        scene = self.scene()
        words = self.tell(scene)
        if label == 1:
            return (words,)
        kind = self.rng.choice(("agreement", "determiner", "order"))
        verb_at = 3
        if kind == "agreement":
            words[verb_at] = self.word(scene.verb, not scene.subject_plural)
        elif kind == "determiner":
            at, plural = self.rng.choice(
                ((0, scene.subject_plural), (verb_at + 1, scene.object_plural))
            )
            right, wrong = (
                set(DETERMINERS[number].split())
                for number in (("plural", "singular") if plural else ("singular", "plural"))
            )
            words[at] = self.rng.choice(sorted(wrong - right))
        else:
            at = self.rng.choice((1, 2))
            words[at], words[at + 1] = words[at + 1], words[at]
        return (words,)

    def sst2(self, label: int) -> tuple:
        return (self.feeling("good" if LABELS["sst2"][label] == "positive" else "bad")[1],)

    def qqp(self, label: int) -> tuple:
        return self.question_pair(bool(label))

    def mnli(self, label: int) -> tuple:
        return self.inference(LABELS["mnli"][label])

    def qnli(self, label: int) -> tuple:
        return self.question_and_answer(LABELS["qnli"][label] == "entailment")


@lru_cache(maxsize=2)
def world(seed: int = 0) -> World:
    """The pocket world of a seed, made once a process."""
    return World(seed)


def passages(count: int, seed: int | str = 0) -> list[tuple[str, str]]:
    """`count` two-sentence passages for MLM training, as a list of pairs of strings."""
    speaker = Speaker(world(), f"text-{seed}")
    return [speaker.passage() for _ in range(count)]


def task_examples(task: str, split: str, count: int) -> list[dict]:
    """Examples of a task as a list of dicts with GLUE's columns.

    Parameters
    ----------
    task : str
        One of `TASKS`.
    split : str
        "train" (a third of the concepts) or "validation" (all of them).
    count : int
    """
    speaker = Speaker(world(), f"{task}-{split}", natural=False, common_only=split == "train")
    examples = []
    for index in range(count):
        label = index % len(LABELS[task])
        texts = getattr(speaker, task)(label)
        examples.append(
            {c: " ".join(t) for c, t in zip(COLUMNS[task], texts)} | {"label": label, "idx": index}
        )
    return examples
