"""Classifiers of several things at once: each part counts, and what is missing says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from merits.candidates.feature_store import FeatureStore
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.files import file_hash
from merits.testing.contracts.model import ModelContract
from merits.testing.provider import FakeProvider
from tests.candidates.drawn import draw, tiny_eyes

pytest.importorskip("PIL")
CLASSES = ("blue circle", "blue square", "red circle", "red square")
WORDS = {"circle": ("a round thing", "it rolls", "no corners here"), "square": ("four corners", "a box", "flat sides")}
MEMBERS: Sequence[JSON] = (
    {"kind": "text-linear", "columns": ["caption"]},
    {"kind": "joint-embeddings", "columns": ["picture"]},
)


def examples_in(folder: Path) -> list[Example]:
    """The picture shows the colour only, the caption tells the shape only: either alone is right half of the time."""
    found = []
    for label in CLASSES:
        colour, shape = label.split()
        for number in range(9):
            name = f"{colour}-{number}.png"
            draw(folder / name, colour, "square", at=4 + number)
            input: dict[str, JSON] = {"caption": WORDS[shape][number % 3], "picture": name, "height": number}
            found.append(Example(f"{label} {number}", input, label, split="dev"))
    return found


def model(kind: str, folder: Path, **params: JSON) -> Model:
    context = LoadContext(
        folder=folder, task_kind="multimodal-classification", classes=CLASSES, env={}, timeout_s=60, seed=1
    )
    return load(Candidate(name="mine", kind=kind, params=params), context)


def fitted(model: Model, examples: Sequence[Example]) -> Model:
    assert isinstance(model, Trainable)
    model.fit(examples)
    return model


def answers(model: Model, inputs: Sequence[JSON]) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        try:
            return list(await asyncio.gather(*map(model.answer, inputs)))
        finally:
            await model.close()

    return asyncio.run(all_of_them())


class _Contract(ModelContract):
    at_once = 12
    odd: ClassVar = ({}, {"caption": "", "picture": ""}, {"caption": 17, "picture": "gone.png"}, {"other": [1]})

    @pytest.fixture(autouse=True)
    def _drawn(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        type(self).examples = examples_in(tmp_path)  # type: ignore[misc]
        type(self).inputs = tuple(e.input for e in self.examples[::10])  # type: ignore[misc]


class TestJointEmbeddings(_Contract):
    def make(self) -> Model:
        return model("joint-embeddings", self.folder)


class TestLateFusion(_Contract):
    def make(self) -> Model:
        return model("late-fusion", self.folder, members=MEMBERS, folds=3)


KINDS: dict[str, dict[str, JSON]] = {"joint-embeddings": {}, "late-fusion": {"members": MEMBERS, "folds": 3}}


@pytest.mark.parametrize("kind", KINDS)
def test_both_parts_together_tell_what_neither_tells_alone(kind: str, tmp_path: Path) -> None:
    """With one of them missing it still knows the half that the other one tells, and is less sure."""
    examples = examples_in(tmp_path)
    draw(tmp_path / "new.png", "red", "square", at=7)
    whole: dict[str, JSON] = {"caption": "no corners here", "picture": "new.png", "height": 4}
    mine = fitted(model(kind, tmp_path, **KINDS[kind]), examples)
    both, no_picture, no_text = answers(mine, [whole, {**whole, "picture": ""}, {**whole, "caption": None}])
    assert both.output == "red circle"
    for found, half in ((no_picture, "circle"), (no_text, "red")):
        assert found.probabilities is not None
        assert sum(share for name, share in found.probabilities.items() if half in name) > 0.7
        assert max(found.probabilities.values()) < max((both.probabilities or {}).values())


def test_pictures_are_read_by_a_network_too_and_what_it_learned_from_is_kept(tmp_path: Path) -> None:
    """Random weights see colours, captions tell shapes; features of pictures to learn from are computed once."""
    pytest.importorskip("transformers")
    from merits.media.backbones import backbone

    examples = examples_in(tmp_path)
    eyes = tiny_eyes(tmp_path / "eyes")
    joint = fitted(model("joint-embeddings", tmp_path, picture=str(eyes)), examples[::2])
    said = [answer.output for answer in answers(joint, [example.input for example in examples[1::2]])]
    assert said == [example.target for example in examples[1::2]]
    network = backbone(str(eyes), None, "", LoadContext(env={}))
    kept = FeatureStore(tmp_path / ".merits" / "features.sqlite", network.fingerprint)
    files = [tmp_path / str(example.input["picture"]) for example in examples]  # type: ignore[index, call-overload]
    assert set(kept.get(map(file_hash, files))) == set(map(file_hash, files[::2]))


def test_a_picture_that_cannot_be_read_leaves_the_text_to_the_fusion(tmp_path: Path) -> None:
    """And is a failure of that question alone to a joint model."""
    examples = examples_in(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    broken: dict[str, JSON] = {"caption": "no corners here", "picture": "broken.png", "height": 4}
    (found,) = answers(fitted(model("late-fusion", tmp_path, members=MEMBERS), examples), [broken])
    assert str(found.output).endswith("circle")
    joint = fitted(model("joint-embeddings", tmp_path), examples)
    with pytest.raises(Exception, match=r"broken\.png is no picture"):
        answers(joint, [broken])


def test_a_fusion_says_what_is_wrong_with_its_members(tmp_path: Path) -> None:
    text: JSON = {"kind": "text-linear", "columns": "caption"}
    with pytest.raises(CandidateError, match="say which columns of the input text-linear reads"):
        model("late-fusion", tmp_path, members=[text, {"kind": "text-linear"}])
    with pytest.raises(CandidateError, match="over a network"):
        model("late-fusion", tmp_path, members=[text, {"kind": "chat", "model": "m", "columns": ["picture"]}])
    with pytest.raises(CandidateError, match="unknown key 'wrods'"):
        model("late-fusion", tmp_path, members=[text, {"kind": "text-linear", "columns": ["caption"], "wrods": 1}])


def test_a_chat_model_is_shown_the_picture_beside_the_columns(tmp_path: Path) -> None:
    """A cell that names a picture becomes a part of the message; what is missing is asked without it."""
    draw(tmp_path / "new.png", "red", "square")
    with FakeProvider(reply=lambda messages: "red square") as provider:
        seer = model("chat", tmp_path, model="m", base_url=provider.base_url, prompt="{caption} Which is it?")
        both, alone = answers(seer, [{"caption": "A box.", "picture": "new.png"}, {"caption": "A box.", "picture": ""}])
        (told, seen), words = (request.body["messages"][-1]["content"] for request in provider.requests)
    assert (both.output, alone.output) == ("red square", "red square")
    assert (told["text"], words) == ("A box. Which is it?", "A box. Which is it?")
    assert seen["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")
