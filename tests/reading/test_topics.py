"""What texts are about: subjects that are found, told apart, and named by their words."""

from __future__ import annotations

import numpy as np

from merits.core.reference import Reference
from merits.reading.seen import Lens, seen_of_text, words_of
from merits.reading.topics import NO_TOPIC, Reader, pairs_of, topics_of

SUBJECTS = ("card lost stolen blocked new", "train ticket station late platform", "recipe oven flour bake butter")


def texts(n: int, seed: int = 0) -> list[list[str]]:
    """Texts of three subjects in turn, with words that all have."""
    rng = np.random.default_rng(seed)
    return [
        [*rng.choice(SUBJECTS[number % 3].split(), 4).tolist(), *rng.choice(["is", "my", "the", "please"], 2).tolist()]
        for number in range(n)
    ]


def test_texts_of_one_subject_are_about_the_same() -> None:
    """Others are about something else; which words stand for a subject is in its name."""
    made = topics_of(texts(90))
    assert made is not None
    about = Reader(made)
    found = [about(text) for text in texts(300, seed=1)]
    each = [{found[number] for number in range(first, 300, 3)} for first in range(3)]
    assert sum(len(each[a] & each[b]) for a, b in ((0, 1), (0, 2), (1, 2))) <= 1
    assert len(set(made.names)) == len(made.names)
    assert about(words_of("I lost my card")) in each[0]
    assert about(["unheard"]) == NO_TOPIC


def test_the_same_texts_give_the_same_subjects() -> None:
    """A release that is made again has the same reference."""
    assert topics_of(texts(90)) == topics_of(texts(90))


def test_few_texts_have_no_subjects() -> None:
    """47, or texts without a word that two have."""
    assert topics_of(texts(47)) is None
    assert topics_of([[f"word{number}"] for number in range(100)]) is None
    assert topics_of([]) is None


def test_what_is_seen_of_a_text_has_its_subject_and_its_pairs() -> None:
    """As the reference says."""
    made = topics_of(texts(90))
    assert made is not None
    pairs = np.array(sorted(set(pairs_of(["lost", "card"]))), np.uint32)
    lens = Lens.of(Reference(kind="classification", n=9, streams=(), pairs=pairs.tobytes(), topics=made))
    seen = seen_of_text("Lost card stolen", lens)
    assert seen["unknown pairs"] == 0.5
    assert seen["topic"] in made.names
    assert seen_of_text("lost", lens)["unknown pairs"] is None
