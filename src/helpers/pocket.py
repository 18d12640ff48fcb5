"""The pocket world: a few hundred English words, a grammar, facts, and five tasks.

Everything here is generated from a seed, without a network and without torch. A *concept* is one
meaning with one or two words for it (synonyms). A *scene* says who does what to whom and how. A
scene can be told again in other words, generalised, contradicted or asked about, and from that
follow both the text for masked-language-model training and the labels of the tasks, by
construction.

Before it reads, the model learns words, as people do: a *dictionary* sets two words, two short
phrases or a short question and its answer side by side, and the listener says how they relate. The
text says such things in sentences, and the tasks ask for them, mostly in the longer ones.

The tasks carry the names, columns and label order of the GLUE tasks the paper uses (Sec. 3.2).
Their training sets use a third of the concepts only, their validation sets use all: a model does
well on the rest only if pre-training taught it what those words mean.
"""

import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

# One line a concept: the singular of each synonym, with its plural after a colon where irregular.
NOUNS = {
    "person": """farmer/teacher tutor/doctor medic/sailor seaman:seamen/miner/painter/singer/poet
        judge/warden sentry:sentries/nurse/pilot/chef/kid youngster/king/queen/monk/hunter/tailor
        student pupil/dancer/lawyer/thief:thieves robber/clerk/barber/smith/dwarf:dwarves
        witch:witches/wizard sorcerer""",
    "animal": """dog hound/cat/horse/cow/pig hog/goat/fox:foxes/wolf:wolves/bear
        rabbit bunny:bunnies/mouse:mice/rat/duck/hen chicken/owl/crow raven/eagle/frog toad
        snake serpent/whale/shark/crab/seal/bee/donkey mule/lion/tiger/camel""",
    "food": """apple/berry:berries/carrot/bean/nut/egg/pie/cake/loaf:loaves/cookie biscuit/plum/pear
        melon/onion/potato:potatoes/turnip/grape/fig/peach:peaches/sausage/pancake/noodle
        candy:candies sweet/shrimp prawn/chip crisp/corncob""",
    "tool": """hammer/saw/axe hatchet/rake/shovel spade/knife:knives dagger/needle/brush:brushes/pen
        rope cord/ladder/lamp lantern/broom/bucket pail/hook/net/drum/flute/oar paddle
        wrench:wrenches spanner/chisel/drill/anvil/kettle/basket hamper/wheel""",
    "place": """farm/kitchen/school/garden yard/harbour port/forest/cave grotto
        castle fortress:fortresses/market bazaar/street road/river stream/hill/beach:beaches shore
        tower/temple shrine/mill/barn/inn tavern/library:libraries/field meadow/bridge/island isle
        desert/valley/cellar basement/church:churches""",
    "garment": """hat cap/coat jacket/shoe/boot/glove mitten/scarf:scarves/shirt/dress:dresses gown
        belt sash:sashes/cloak cape/sock/skirt/vest waistcoat/apron""",
    "vehicle": """cart wagon/boat ship/train/bus:buses coach:coaches/truck lorry:lorries
        bicycle bike/sled sleigh/plane/canoe kayak/tractor""",
}
# By what may be their object. Third person singular; the plural drops the s (or follows the colon).
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
        brave bold|timid cowardly/clean tidy|dirty filthy/calm peaceful|angry furious
        rich wealthy|poor penniless/healthy fit|sick ill/honest truthful|false deceitful
        pretty lovely|ugly hideous/polite courteous|rude insolent/lucky fortunate|unlucky hapless
        strong sturdy|weak feeble/nice pleasant|nasty horrid/proud noble|shabby vile
        famous renowned|hated despised/careful prudent|careless reckless/merry jolly|bitter sullen
        loyal faithful|sly treacherous/wise sensible|rash hasty""",
    "neutral": """big large|small little/fast quick|slow sluggish/old aged|young juvenile
        loud noisy|quiet silent/fat plump|thin slim/wet damp|dry arid/dark dim|pale light
        tall lofty|short squat""",
}
ADVERBS = {
    "good": """gladly/kindly/gracefully/cheerfully/proudly/wisely/warmly/neatly/bravely/tenderly
        skilfully/gently""",
    "bad": """sadly/rudely/clumsily/angrily/badly/grimly/cruelly/lazily/foolishly/coldly/bitterly
        nastily""",
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
OTHER_WORDS = "is are not does do who what which in near but though . ? ,"

# What the text is made of: kinds of passage, of a hundred; and of what the dictionary: of thirteen
KINDS = {"inference": 22, "questions": 26, "answer": 25, "story": 12, "dictionary": 15}
ENTRIES = {"adjective": 2, "mood": 1, "noun": 2, "verb": 2, "category": 1, "phrase": 5}
# How often a sentence is told again without care for other words, and a claim says "not"
REPEATED, NEGATED = 0.4, 0.25
AGAINST = {"good": "bad", "bad": "good"}

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
    """One meaning: its kind, its words as (singular, plural), and for adjectives scale and side."""

    kind: str
    words: tuple
    scale: int = -1
    polarity: str = "neutral"


def _noun(word):
    singular, _, plural = word.partition(":")
    if not plural and singular.endswith("y") and singular[-2] not in "aeo":
        plural = singular[:-1] + "ies"
    return singular, plural or singular + "s"


def _verb(word):
    singular, _, plural = word.partition(":")
    return singular, plural or singular[:-1]


def _concepts(text, kind, form, **more):
    return [Concept(kind, tuple(map(form, line.split())), **more) for line in _lines(text)]


def _lines(text):
    return [line.strip() for part in text.split("\n") for line in part.split("/") if line.strip()]


@dataclass(frozen=True)
class Scene:
    """Who (number, adjective) does what to whom (number, adjective), and how."""

    subject: Concept
    subject_plural: bool
    subject_adjective: Concept | None
    verb: Concept
    object: Concept
    object_plural: bool
    object_adjective: Concept | None = None
    adverb: Concept | None = None
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
        scales = [(group, line) for group, text in SCALES.items() for line in _lines(text)]
        for number, (group, line) in enumerate(scales):
            for side, words in zip(("good", "bad"), line.split("|")):
                polarity = side if group == "polar" else "neutral"
                forms = tuple(map(same, words.split()))
                self.adjectives.append(Concept("adjective", forms, number, polarity))
        self.adverbs = [
            adverb
            for polarity, text in ADVERBS.items()
            for adverb in _concepts(text, "adverb", same, polarity=polarity)
        ]
        self.weights, self.common = {}, set()
        for group in [*self.nouns.values(), *self.verbs.values(), self.adjectives, self.adverbs]:
            ranked = rng.sample(group, len(group))
            self.weights |= {concept: (rank + 2) ** -skew for rank, concept in enumerate(ranked)}
            self.common.update(rng.sample(group, -(-len(group) // 3)))
        # Adjectives come into the training sets by whole scales, so that there are opposites too.
        chosen = set(rng.sample(range(len(scales)), -(-len(scales) // 3)))
        self.common = {c for c in self.common if c.kind != "adjective"}
        self.common |= {a for a in self.adjectives if a.scale in chosen}
        # Facts: what each subject prefers as the object of a kind of verb, and how it tends to be.
        self.subjects = self.nouns["person"] + self.nouns["animal"]
        self.favourites = {
            (subject, kind): rng.sample(self.nouns[kind], 3)
            for subject in self.subjects
            for kind in NOUNS
        }
        self.temper = {
            noun: rng.sample(self.adjectives, 4) for group in self.nouns.values() for noun in group
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
        True: concepts come as often as the world speaks of them, facts hold, and what is told again
        is told in the same words now and then. False: all equally often, told again in other words
        wherever there are any.
    common_only : bool
        True: only the third of the concepts that the training sets use.
    """

    def __init__(
        self, world: World, seed: int | str, natural: bool = True, common_only: bool = False
    ):
        self.world, self.rng = world, random.Random(f"{seed}")
        self.natural, self.common_only = natural, common_only
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

    def polar_adverb(self, mood: str) -> Concept:
        return self.pick(self.world.adverbs, lambda a: a.polarity == mood, ("polar adverb", mood))

    def adverb(self, mood: str) -> Concept:
        fits = lambda a: a.polarity in (mood, "neutral")
        return self.pick(self.world.adverbs, fits, ("adverb", mood))

    def verb(self, kind: str) -> Concept:
        """A verb that may have such a thing as its object."""
        return self.pick(self.world.verbs[kind], key=("verb", kind))

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
            self.verb(kind),
            what,
            rng.random() < 0.5,
            self.adjective(what, mood) if rng.random() < 0.3 else None,
            self.adverb(mood) if rng.random() < 0.4 else None,
        )

    # Into words

    def word(
        self, concept: Concept, plural: bool = False, avoid: Iterable[str] | None = None
    ) -> str:
        """A word for a `concept`, singular or `plural`, that is none of `avoid` if there is one."""
        pairs = concept.words
        if len(pairs) == 1:
            return pairs[0][plural]
        if avoid is not None and self.natural and self.rng.random() < REPEATED:
            avoid = None
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
        number = "plural" if plural else "singular"
        determiner = determiner or self.rng.choice(DETERMINERS[number].split())
        described = [self.word(adjective, avoid=avoid)] if adjective else []
        return [determiner, *described, self.word(noun, plural, avoid)]

    def parts(
        self, scene: Scene, avoid: Iterable[str] | None = None, determiner: str | None = None
    ) -> tuple[list[str], list[str], list[str], list[str]]:
        """The scene's subject, verb, object and adverb, each as a list of words.

        Subject and object have the `determiner`, by default each one of its own; synonyms of the
        words in `avoid` are preferred.
        """
        subject = self.noun_phrase(
            scene.subject, scene.subject_plural, scene.subject_adjective, avoid, determiner
        )
        verb = [self.word(scene.verb, scene.subject_plural, avoid)]
        what = self.noun_phrase(
            scene.object, scene.object_plural, scene.object_adjective, avoid, determiner
        )
        return subject, verb, what, [self.word(scene.adverb)] if scene.adverb else []

    def tell(
        self, scene: Scene, avoid: Iterable[str] | None = None, definite: bool = False
    ) -> list[str]:
        """The scene as words; with `avoid`, synonyms of those words are preferred.

        If `definite`, subject and object have "the".
        """
        return [*sum(self.parts(scene, avoid, "the" if definite else None), []), "."]

    def is_(self, scene: Scene, avoid: Iterable[str] | None = None) -> list[str]:
        """ "the fox is": the scene's subject, and that something is to be said of it."""
        return [
            "the",
            self.word(scene.subject, scene.subject_plural, avoid),
            "are" if scene.subject_plural else "is",
        ]

    def describe(self, scene: Scene, avoid: Iterable[str] | None = None) -> list[str]:
        """How the scene's subject is: "the fox is glad", or, negated, "the fox is not glad"."""
        return [
            *self.is_(scene, avoid),
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
            noun = self.word(scene.subject, scene.subject_plural, avoid)
            adjective = self.word(scene.subject_adjective, avoid=avoid)
            return ["are" if scene.subject_plural else "is", "the", noun, adjective, "?"]
        subject = self.noun_phrase(
            scene.subject, scene.subject_plural, scene.subject_adjective, avoid, "the"
        )
        what = self.noun_phrase(
            scene.object, scene.object_plural, scene.object_adjective, avoid, "the"
        )
        does = "do" if scene.subject_plural else "does"
        return [does, *subject, self.word(scene.verb, True, avoid), *what, "?"]

    def ask_for(self, scene: Scene, slot: str) -> list[str]:
        """A question for the scene's subject or object."""
        if slot == "subject":
            what = self.noun_phrase(scene.object, scene.object_plural, determiner="the")
            return ["who", self.word(scene.verb), *what, "?"]
        subject = self.noun_phrase(scene.subject, scene.subject_plural, determiner="the")
        does = "do" if scene.subject_plural else "does"
        return ["what", does, *subject, self.word(scene.verb, True), "?"]

    # Relations between sentences

    def other(self, concept: Concept, pool: Sequence[Concept]) -> Concept:
        """Another concept of the same kind: not on the same scale, not the same meaning."""
        differs = lambda c: c is not concept and (c.scale < 0 or c.scale != concept.scale)
        return self.pick(pool, differs)

    def opposite(self, adjective: Concept) -> Concept:
        scale = [a for a in self.world.adjectives if a.scale == adjective.scale]
        return scale[1 - scale.index(adjective)]

    def changed(self, scene: Scene, slots: Sequence[str]) -> Scene:
        """The scene with one of its parts another one."""
        world, slot = self.world, self.rng.choice(slots)
        old = getattr(scene, slot)
        if old.kind == "adjective":
            pool = world.adjectives
        else:
            pool = (world.verbs if slot == "verb" else world.nouns)[old.kind]
        return replace(scene, **{slot: self.other(old, pool)})

    def claim(self, scene: Scene, relation: str) -> Scene:
        """A scene about the same subject, the adjective being the same, another or the opposite."""
        adjective = scene.subject_adjective
        if relation == "contradiction":
            adjective = self.opposite(adjective)
        elif relation == "neutral":
            adjective = self.other(adjective, self.world.adjectives)
        return replace(scene, subject_adjective=adjective, adverb=None, object_adjective=None)

    def claim_how(self, scene: Scene, relation: str, premise: list[str]) -> list[str]:
        """The scene's subject described so that `relation` holds, at times by what it is not.

        In other words than the `premise`, which tells the `scene`.
        """
        claim = self.claim(scene, relation)
        if self.rng.random() < NEGATED:
            if relation != "neutral":
                claim = replace(claim, subject_adjective=self.opposite(claim.subject_adjective))
            claim = replace(claim, negated=True)
        return self.describe(claim, premise)

    def claim_what(self, scene: Scene, relation: str, premise: list[str]) -> list[str]:
        """The scene told again so that `relation` holds, at times with the object's category.

        In other words than the `premise`, which tells the `scene`.
        """
        claim = self.claim(scene, relation)
        if self.rng.random() < 0.5:
            claim = replace(claim, object=self.world.hypernyms[scene.object.kind])
        return self.tell(claim, premise, definite=True)

    def inference(self, relation: str, short: bool | None = None) -> tuple[list[str], list[str]]:
        """Premise and hypothesis for which `relation` holds; either may say only how someone is."""
        scene = replace(self.scene(), object_adjective=None)
        short = self.rng.random() < 0.5 if short is None else short
        premise = self.describe(scene) if short else self.tell(scene)
        claim = self.claim_how if short or self.rng.random() < 0.5 else self.claim_what
        return premise, claim(scene, relation, premise)

    def question_pair(self, same: bool, short: bool | None = None) -> tuple[list[str], list[str]]:
        """Two questions that ask the same in other words, or two that differ in one thing."""
        scene = replace(self.scene(), adverb=None, object_adjective=None)
        short = self.rng.random() < 0.5 if short is None else short
        slots = ("subject", "subject_adjective") if short else SLOTS
        first = self.ask(scene, short=short)
        return first, self.ask(scene if same else self.changed(scene, slots), first, short)

    def question_and_answer(self, answered: bool) -> tuple[list[str], list[str]]:
        """A question, and a sentence that answers it or one about something else."""
        scene = self.scene()
        if self.rng.random() < 0.5:
            question = self.ask_who(scene)
            scene = scene if answered else self.changed(scene, ("subject_adjective",))
            return question, self.describe(scene, question)
        slot = self.rng.choice(("subject", "object"))
        question = self.ask_for(scene, slot)
        if not answered:
            scene = self.changed(scene, ("verb", "object" if slot == "subject" else "subject"))
        return question, self.tell(scene, question)

    def ask_who(self, scene: Scene) -> list[str]:
        """A question for who is as the scene's subject is: "who is glad ?"."""
        is_ = "are" if scene.subject_plural else "is"
        return ["who", is_, self.word(scene.subject_adjective), "?"]

    # Moods

    def how(self, mood: str) -> list[str]:
        """An adjective of a mood, or "not" and one of the other."""
        if self.rng.random() < 0.6:
            return [self.word(self.polar_adjective(mood))]
        return ["not", self.word(self.polar_adjective(AGAINST[mood]))]

    def clause(self, mood: str) -> list[str]:
        """What shows a mood: how someone is or is not, or how someone does something."""
        scene = self.scene(mood)
        if self.rng.random() < 0.6:
            return [*self.is_(scene), *self.how(mood)]
        subject, verb, what, _ = self.parts(
            replace(scene, subject_adjective=None, object_adjective=None), determiner="the"
        )
        return [*subject, *verb, *what, self.word(self.polar_adverb(mood))]

    def weighed(self, main: list[str], aside: list[str]) -> list[str]:
        """Two clauses of which one counts less: the one before "but" or after "though"."""
        order = self.rng.choice(("but", "though", "though first"))
        if order == "but":
            return [*aside, "but", *main, "."]
        if order == "though":
            return [*main, "though", *aside, "."]
        return ["though", *aside, ",", *main, "."]

    def feeling(self, mood: str) -> tuple[Scene, list[str]]:
        """A scene in a mood, and words that show the mood, by themselves or against others."""
        rng, scene = self.rng, self.scene(mood)
        form = rng.random()
        if form < 0.2:
            return scene, self.tell(replace(scene, subject_adjective=self.polar_adjective(mood)))
        if form < 0.4:
            said = self.how(mood)
            if rng.random() < 0.6:
                said = [*self.how(AGAINST[mood]), "but", *said]
            return scene, [*self.is_(scene), *said, "."]
        return scene, self.weighed(self.clause(mood), self.clause(AGAINST[mood]))

    # The dictionary: a line sets two words or short phrases side by side

    def entry(self) -> tuple[str, list[str], list[str]]:
        """A line of the dictionary.

        Returns
        -------
        comment : str
            One of `COMMENTS`.
        first, second : list of str
        """
        (group,) = self.rng.choices(list(ENTRIES), ENTRIES.values())
        if group == "phrase":
            about = self.rng.choice(("doer", "doer", "deed", "deed", "deed", "nature"))
            return self.phrase_entry(about)
        if group == "mood":
            return self.mood_entry()
        return self.word_entry(group)

    def word_entry(self, group: str) -> tuple[str, list[str], list[str]]:
        """Two words that mean the same, opposites or other things, or a thing and a category."""
        rng, world = self.rng, self.world
        kind, plural = rng.choice(list(NOUNS)), rng.random() < 0.5
        pool = {
            "noun": world.nouns[kind],
            "category": world.nouns[kind],
            "verb": world.verbs[kind],
            "adjective": world.adjectives,
        }[group]
        one = self.pick(pool, key=("entry", group, kind))
        if group == "category":
            comment = rng.choice(("entailment", "contradiction"))
            wrong = rng.choice([other for other in NOUNS if other != kind])
            other = world.hypernyms[kind if comment == "entailment" else wrong]
        else:
            comments = ("same", "different", *(LABELS["mnli"] if group == "adjective" else ()))
            comment = rng.choice(comments)
            if comment in ("same", "entailment"):
                other = one
            else:
                other = self.opposite(one) if comment == "contradiction" else self.other(one, pool)
        first = [self.word(one, plural)]
        return comment, first, [self.word(other, plural, first), "."]

    def mood_entry(self) -> tuple[str, list[str], list[str]]:
        """Two words of one mood, and how the listener feels about them."""
        comment = self.rng.choice(("good", "bad"))
        second = self.polar_adverb if self.rng.random() < 0.4 else self.polar_adjective
        words = [self.word(pick(comment)) for pick in (self.polar_adjective, second)]
        return comment, words[:1], [words[1], "."]

    def phrase_entry(self, about: str) -> tuple[str, list[str], list[str]]:
        """Two short phrases, the same or different in a word, or a short question and an answer.

        They are about a doer ("medics peel"), a deed ("fold socks") or a nature ("glad owls").
        """
        rng, scene, plural = self.rng, self.scene(), self.rng.random() < 0.5
        slots = {
            "doer": ("subject", "verb"),
            "deed": ("verb", "object"),
            "nature": ("subject_adjective", "subject"),
        }[about]
        same = rng.random() < 0.5
        other = scene if same else self.changed(scene, slots)

        def say(scene, avoid=None):
            return [self.word(getattr(scene, slot), plural, avoid) for slot in slots]

        first = say(scene)
        if about == "nature" or rng.random() < 0.5:
            return "same" if same else "different", first, [*say(other, first), "."]
        question = ["what" if about == "doer" else "who", *first, "?"]
        sentence = say(other, question)
        if about == "doer":
            sentence = [*sentence, self.word(other.object, plural)]
        else:
            sentence = [self.word(other.subject, plural), *sentence]
        return "answer" if same else "no_answer", question, [*sentence, "."]

    # Text for masked-language-model training

    def passage(self, kind: str | None = None) -> tuple[str, str]:
        """Two sentences, or a line of the dictionary, and the listener's comment on them."""
        kind = kind or self.rng.choices(list(KINDS), KINDS.values())[0]
        if kind == "inference":
            comment = self.rng.choice(LABELS["mnli"])
            first, second = self.inference(comment)
        elif kind == "questions":
            comment = self.rng.choice(("same", "different"))
            first, second = self.question_pair(comment == "same")
        elif kind == "answer":
            comment = self.rng.choice(("answer", "no_answer"))
            first, second = self.question_and_answer(comment == "answer")
        elif kind == "story":
            comment = self.rng.choice(("good", "bad"))
            scene, first = self.feeling(comment)
            second = self.tell(self.scene(comment, scene.subject))
        else:
            comment, first, second = self.entry()
        return " ".join(first), " ".join([*second, self.rng.choice(COMMENTS[comment].split())])

    # The five tasks: each asks for what the text teaches, mostly in its longer forms

    def cola(self, label: int) -> tuple[list[str]]:
        """A sentence; unacceptable ones have a wrong verb form, determiner or order."""
        rng, scene = self.rng, self.scene()
        subject, verb, what, how = self.parts(scene)
        error = rng.choice(("agreement", "determiner", "order")) if label == 0 else None
        if error == "agreement":
            verb = [self.word(scene.verb, not scene.subject_plural)]
        elif error == "determiner":
            phrases = (subject, scene.subject_plural), (what, scene.object_plural)
            phrase, plural = rng.choice(phrases)
            numbers = ("plural", "singular") if plural else ("singular", "plural")
            right, wrong = (set(DETERMINERS[number].split()) for number in numbers)
            phrase[0] = rng.choice(sorted(wrong - right))
        elif error == "order":
            phrase = rng.choice((subject, what)) if scene.object_adjective else subject
            at = rng.choice((0, 1))
            phrase[at], phrase[at + 1] = phrase[at + 1], phrase[at]
        return ([*subject, *verb, *what, *how, "."],)

    def sst2(self, label: int) -> tuple[list[str]]:
        """One clause, or two of which one counts; a quarter list three moods, and two decide."""
        mood = "good" if LABELS["sst2"][label] == "positive" else "bad"
        if self.rng.random() < 0.4:
            return ([*self.moods(mood), "."],)
        return (self.weighed(self.moods(mood), self.moods(AGAINST[mood])),)

    def moods(self, mood: str) -> list[str]:
        """How someone is: in one word, or in three of which two are in the mood."""
        scene = self.scene(mood)
        if self.rng.random() < 0.75:
            return [*self.is_(scene), *self.how(mood)]
        said = []
        while len({words[-1] for words in said}) < 3:
            said = [self.how(one) for one in self.rng.sample([mood, mood, AGAINST[mood]], 3)]
        return [*self.is_(scene), *said[0], ",", *said[1], ",", *said[2]]

    def qqp(self, label: int) -> tuple[list[str], list[str]]:
        """Two questions, mostly long."""
        return self.question_pair(bool(label), short=self.rng.random() < 0.15)

    def mnli(self, label: int) -> tuple[list[str], list[str]]:
        """Premise and hypothesis, mostly long; any word of a neutral one may be what is new."""
        relation, rng = LABELS["mnli"][label], self.rng
        if rng.random() < 0.15:
            return self.inference(relation, short=True)
        scene = self.scene()
        premise = self.tell(scene)
        if relation == "neutral" and rng.random() < 0.6:
            claim = replace(scene, adverb=None, object_adjective=None)
            claim = self.changed(claim, ("subject", "verb", "object"))
            return premise, self.tell(claim, premise, definite=True)
        claim = self.claim_how if rng.random() < 0.25 else self.claim_what
        return premise, claim(scene, relation, premise)

    def qnli(self, label: int) -> tuple[list[str], list[str]]:
        """A question and a sentence, mostly long."""
        rng, scene = self.rng, self.scene()
        answered = LABELS["qnli"][label] == "entailment"
        if rng.random() < 0.3:
            question = self.ask_who(scene)
            scene = scene if answered else self.changed(scene, ("subject_adjective",))
            return question, (self.describe if rng.random() < 0.5 else self.tell)(scene, question)
        slot = rng.choice(("subject", "object"))
        question = self.ask_for(scene, slot)
        if not answered:
            scene = self.changed(scene, ("verb", "object" if slot == "subject" else "subject"))
        return question, self.tell(scene, question)


@lru_cache(maxsize=2)
def world(seed: int = 0) -> World:
    """The pocket world of a seed, made once a process."""
    return World(seed)


def passages(count: int, seed: int | str = 0, kind: str | None = None) -> list[tuple[str, str]]:
    """Passages for MLM training: two sentences, or words of the dictionary, and a comment.

    Parameters
    ----------
    count : int
    seed : int or str
    kind : str, optional
        One of `KINDS`, for example "dictionary"; default all of them, mixed.

    Returns
    -------
    list of (str, str)
    """
    speaker = Speaker(world(), f"{kind or 'text'}-{seed}")
    return [speaker.passage(kind) for _ in range(count)]


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
        columns = {column: " ".join(words) for column, words in zip(COLUMNS[task], texts)}
        examples.append(columns | {"label": label, "idx": index})
    return examples
