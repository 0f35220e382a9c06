"""How probabilities of labels are read off a model's next tokens, and what becomes of a wrong file."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from examples.fetching import assets_folder
from hypothesis import given
from hypothesis import strategies as st

from merits.candidates.label_shares import shares
from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.identity import JSON

END = "<end>"


class Speaker:
    """A language model over a few characters, with a known distribution: each next character depends on the last."""

    def __init__(self, alphabet: str, weights: list[float]) -> None:
        self.alphabet = [*alphabet, END]
        self.weights = weights

    def next(self, beginning: str) -> list[tuple[str, float]]:
        shift = ord(beginning[-1]) if beginning else 0
        raw = [self.weights[(i + shift) % len(self.weights)] for i in range(len(self.alphabet))]
        return [("" if c == END else c, w / sum(raw)) for c, w in zip(self.alphabet, raw, strict=True)]

    def probability(self, label: str, labels: list[str]) -> float:
        """By the definition: at each step the next character among those that can still become a label."""
        total = 1.0
        for position in range(len(label) + 1):
            beginning = label[:position]
            open_labels = [other for other in labels if other.startswith(beginning)]
            if open_labels == [label]:
                return total
            allowed = {other[position] for other in open_labels if len(other) > position}
            distribution = dict(self.next(beginning))
            ending = sum(share for c, share in distribution.items() if c not in allowed) if beginning in labels else 0.0
            mass = ending + sum(distribution[c] for c in allowed)
            total *= (ending if position == len(label) else distribution[label[position]]) / mass
        return total


@given(
    labels=st.lists(st.text("abc", min_size=1, max_size=4), min_size=2, max_size=6, unique=True),
    weights=st.lists(st.floats(0.2, 1.0), min_size=5, max_size=5),
)
def test_shares_are_those_of_an_answer_held_to_the_labels(labels: list[str], weights: list[float]) -> None:
    """The fast reading against the slow definition, with labels that share beginnings or begin one another."""
    speaker = Speaker("abcd", weights)
    found = shares(labels, speaker.next)
    assert sum(found.values()) == pytest.approx(1)
    for label in labels:
        assert found[label] == pytest.approx(speaker.probability(label, labels), abs=0.02)


def test_labels_that_begin_differently_need_one_look() -> None:
    """A look costs as much as a token of the answer."""
    looks: list[str] = []

    def look(beginning: str) -> list[tuple[str, float]]:
        looks.append(beginning)
        return [("pos", 0.6), (" neg", 0.3), ("x", 0.1)]

    found = shares(["positive", "negative"], look)
    assert looks == [""]
    assert found["positive"] == pytest.approx(2 / 3)


def test_many_labels_with_long_shared_beginnings_end_in_time() -> None:
    """77 intents must not mean 77 looks."""
    labels = [f"card_payment_{i:02}" for i in range(77)]
    looks: list[str] = []

    def look(beginning: str) -> list[tuple[str, float]]:
        looks.append(beginning)
        return [(c, 1 / 37) for c in "abcdefghijklmnopqrstuvwxyz0123456789_"]

    found = shares(labels, look)
    assert len(looks) <= 24
    assert math.isclose(sum(found.values()), 1)


def test_a_model_that_says_nothing_of_the_kind_has_no_preference() -> None:
    """Not an error: it was asked, and none of the labels came to its mind."""
    assert shares(["a", "b"], lambda beginning: [("The", 0.9), ("x", 0.1)]) == {"a": 0.5, "b": 0.5}


def gguf(folder: Path, **params: JSON) -> None:
    candidate = Candidate(name="mine", kind="gguf", params=params)
    load(candidate, LoadContext(folder=folder, env={"MERITS_ASSETS": str(folder / "assets")}))


def test_a_missing_file_names_the_places_and_the_command(tmp_path: Path) -> None:
    """The next step can be copied."""
    with pytest.raises(CandidateError, match=r"'small\.gguf' is not there.*assets.*make assets"):
        gguf(tmp_path, path="small.gguf")


def test_another_file_than_the_promised_one_is_refused(tmp_path: Path) -> None:
    """A swapped model file would be measured under the old name."""
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    with pytest.raises(CandidateError, match="has the SHA-256"):
        gguf(tmp_path, path="small.gguf", sha256="0" * 64)


@pytest.mark.parametrize("file", ["SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"])
def test_the_start_that_prompts_share_is_computed_once(file: str) -> None:
    """Six worked examples before each question would else be most of the work; Gemma attends in sliding windows."""
    pytest.importorskip("xllamacpp")
    if not (assets_folder() / file).is_file():
        pytest.skip(f"{file} is not there: python -m examples text_generation")
    shown: list[JSON] = [{"input": f"What is the capital of {name}?", "output": name} for name in ("Oslo", "Lima") * 6]
    recipe = Candidate(
        name="m", kind="gguf", params={"path": file, "plain": True, "examples": shown, "max_tokens": 2, "stop": ["\n"]}
    )
    model = load(recipe, LoadContext(folder=assets_folder()))

    async def ask() -> list[int]:
        said = [await model.answer(f"What is the capital of {name}?") for name in ("Peru", "Kenya")]
        await model.close()
        return [answer.usage.cache_read_tokens for answer in said]

    first, second = asyncio.run(ask())
    assert first < 10
    assert second > 100
