"""Live things as candidates: the same code and state are the same candidate."""

from __future__ import annotations

import asyncio
import functools
import math
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.objects import as_candidate
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate, Price
from merits.core.errors import CandidateError
from merits.core.identity import JSON


def suffixed(text: str, suffix: str = "!") -> str:
    return text + suffix


class Rule:
    def __init__(self, word: str, *, lock: bool = False) -> None:
        self.word = word
        if lock:
            self.lock = threading.Lock()

    def answer(self, input: JSON) -> JSON:
        return self.word in str(input)


def asked(candidate: Candidate, input: JSON) -> JSON:
    async def once() -> JSON:
        model = load(candidate, LoadContext())
        answer = await model.answer(input)
        await model.close()
        return answer.output

    return asyncio.run(once())


def test_a_function_is_named_after_itself_and_answers() -> None:
    """Nothing to register, nothing to name."""
    candidate = as_candidate(suffixed)
    assert candidate.name == "suffixed"
    assert asked(candidate, "hey") == "hey!"


def test_name_and_price_are_no_part_of_the_identity() -> None:
    """Renaming asks nothing again."""
    assert as_candidate(suffixed, name="other", price=Price(per_call=1.0)).id == as_candidate(suffixed).id


def test_what_a_function_closes_over_is_part_of_it() -> None:
    """The same source with another threshold is another candidate."""

    def above(limit: float) -> Candidate:
        def decide(input: JSON) -> JSON:
            return len(str(input)) > limit

        return as_candidate(decide)

    assert above(1).id == above(1).id
    assert above(1).id != above(2).id


def test_defaults_and_partial_arguments_are_part_of_it() -> None:
    """They change the answers."""
    one, two = (as_candidate(functools.partial(suffixed, suffix=s)) for s in "?!")
    assert one.id != two.id
    assert one.name == "suffixed"


def test_two_lambdas_on_one_line_are_two_candidates() -> None:
    """Their source line is the same; a shared identity would mix up their answers."""
    candidates = [as_candidate(function) for function in (lambda text: "a", lambda text: "b")]
    assert candidates[0].id != candidates[1].id
    assert [asked(candidate, "?") for candidate in candidates] == ["a", "b"]


def test_an_estimator_is_known_by_class_and_parameters() -> None:
    """Also through a pipeline; whether it was fitted before does not matter, because a copy is trained on dev."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def pipeline(strength: float) -> Candidate:
        return as_candidate(make_pipeline(StandardScaler(), LogisticRegression(C=strength)))

    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert pipeline(1.0).id == pipeline(1.0).id
    assert pipeline(1.0).id != pipeline(2.0).id
    assert as_candidate(fitted).id == as_candidate(LogisticRegression()).id


def test_an_object_is_known_by_its_class_and_state() -> None:
    """As long as the state is plain data."""
    assert as_candidate(Rule("win")).id == as_candidate(Rule("win")).id
    assert as_candidate(Rule("win")).id != as_candidate(Rule("now")).id
    assert asked(as_candidate(Rule("win")), "you win") is True


def test_arrays_are_known_by_what_is_in_them() -> None:
    """Their printed form leaves most of a large one out."""

    class Weights:
        def __init__(self, values: np.ndarray) -> None:
            self.values = values

        def answer(self, input: JSON) -> JSON:
            return float(self.values.sum())

    large = np.arange(5000.0)
    other = large.copy()
    other[2500] = -1
    assert as_candidate(Weights(large)).id == as_candidate(Weights(large.copy())).id
    assert as_candidate(Weights(large)).id != as_candidate(Weights(other)).id


@pytest.mark.parametrize("thing", [math.sqrt, Rule("win", lock=True)], ids=["built-in", "lock"])
def test_what_cannot_be_identified_is_new_each_time_and_says_so(thing: object) -> None:
    """Better to ask again than to take another thing's answers."""
    first, second = as_candidate(thing), as_candidate(thing)
    assert first.id != second.id
    assert "could not be read" in str(first.metadata["note"])


def test_a_candidate_comes_back_as_it_is() -> None:
    """So that lists may mix recipes and live things."""
    recipe = Candidate(name="a", kind="constant", params={"output": 1})
    assert as_candidate(recipe) is recipe
    assert as_candidate(recipe, name="b").name == "b"


@pytest.mark.parametrize("thing", [3, "text", Rule, None])
def test_what_cannot_answer_is_refused(thing: object) -> None:
    """A class is no object: it was probably meant to be made first."""
    with pytest.raises(CandidateError, match="cannot be a candidate"):
        as_candidate(thing)


def test_another_process_must_be_given_the_object_again() -> None:
    """A recipe from a store holds no live thing."""
    params: dict[str, JSON] = {"what": "suffixed", "identity": "0" * 32}
    with pytest.raises(CandidateError, match="'suffixed' is a live object that another process was given"):
        load(Candidate(name="a", kind="object", params=params), LoadContext())


def test_the_same_function_is_the_same_candidate_in_another_process(tmp_path: Path) -> None:
    """Its stored answers are found again tomorrow."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        from merits.candidates.objects import as_candidate
        LIMIT = 3
        def helper(text): return len(text)
        def decide(text): return helper(text) > LIMIT
        print(as_candidate(decide).id)
        """)
    )
    command = [sys.executable, str(script)]
    runs = {subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("main", "helper"),
    [
        ("from h import mid\ndef cand(x): return mid(x)\nthing = cand", "def mid(x): return deep(x)\n"),
        ("import h\ndef cand(x): return h.deep(x)\nthing = cand", ""),
        ("def cand(x):\n    from h import deep\n    return deep(x)\nthing = cand", ""),
        ("import h\nclass C:\n    def answer(self, x): return h.deep(x)\nthing = C()", ""),
        ("from h import deep\nclass C:\n    def answer(self, x): return deep(x)\nthing = C()", ""),
        (
            "from sklearn.base import BaseEstimator\nfrom h import deep\nclass C(BaseEstimator):\n"
            "    def fit(self, X, y): return self\n    def predict(self, X): return [deep(x) for x in X]\nthing = C()",
            "",
        ),
        (
            "from h import Base\nclass C(Base): pass\nthing = C()",
            "class Base:\n    def answer(self, x): return deep(x)\n",
        ),
    ],
    ids=["helper of a helper", "attribute", "import inside", "method, attribute", "method", "estimator", "base"],
)
def test_code_that_is_reached_is_part_of_it(tmp_path: Path, main: str, helper: str) -> None:
    """Stored answers of code that has changed since are wrong answers."""

    def candidate(output: str) -> str:
        (tmp_path / "h.py").write_text(f"def deep(x): return {output!r}\n{helper}")
        (tmp_path / "script.py").write_text(
            f"from merits.candidates.objects import as_candidate\n{main}\nc = as_candidate(thing)\n"
            "assert not c.metadata\nprint(c.id)"
        )
        command = [sys.executable, "-B", str(tmp_path / "script.py")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    before = candidate("no")
    assert candidate("no") == before
    assert candidate("maybe") != before


def test_code_without_a_source_is_known_by_what_it_was_compiled_to() -> None:
    """Code that was typed in or made at run time has no file."""

    def made(output: str) -> str:
        names: dict[str, object] = {}
        exec(f"def deep(x): return {output!r}\ndef cand(x): return deep(x)", names)
        return as_candidate(names["cand"]).id

    assert made("no") == made("no")
    assert made("no") != made("yes")
