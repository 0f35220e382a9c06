"""Who may try a task of pictures: endpoints that see are shown them, and what reads texts only is refused."""

from __future__ import annotations

import asyncio
import base64
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.evaluating import evaluate
from merits.store import open_store
from merits.tasks.file import load_task
from merits.testing.provider import FakeProvider
from tests.media.painting import painted


def test_an_endpoint_that_sees_is_shown_the_picture_and_not_its_name(tmp_path: Path) -> None:
    """The name holds the label; the labels that are allowed are told, and the answer is read as one."""
    painted(tmp_path / "seen", 3)
    (tmp_path / "merits.yaml").write_text("kind: image-classification\ndata: seen\nsplit: {method: hash, test: 0.5}\n")
    task = load_task(tmp_path / "merits.yaml")
    shown: list[str] = []

    def looks(messages: Any) -> str:
        (picture,) = [part for part in messages[-1]["content"] if part["type"] == "image_url"]
        shown.append(picture["image_url"]["url"])
        assert "blue" not in str(messages[-1])
        assert "red/" not in str(messages[-1])
        assert "blue, red" in messages[0]["content"]
        return "Blue."

    with FakeProvider(looks) as provider, closing(open_store(tmp_path / "store.sqlite")) as store:
        seer = Candidate(name="seer", kind="chat", params={"model": "m", "base_url": provider.base_url})
        evaluation = asyncio.run(evaluate(task, [seer], store=store, env={}))
    asked = task.split("test")
    assert sorted(shown) == sorted(
        "data:image/png;base64," + base64.b64encode((tmp_path / "seen" / str(example.input)).read_bytes()).decode()
        for example in asked
    )
    assert evaluation.solved[0].tolist() == [example.target == "blue" for example in asked]


@pytest.mark.parametrize("kind", ["text-linear", "embeddings-linear", "embeddings-remote", "gguf"])
def test_what_reads_texts_only_is_refused(kind: str) -> None:
    """It would learn the names of the files, in which the label mostly stands, and look perfect."""
    params = {"gguf": {"path": "m.gguf"}, "embeddings-remote": {"model": "m"}}.get(kind, {})
    context = LoadContext(task_kind="image-classification", env={})
    with pytest.raises(CandidateError, match=f"{kind} reads text and columns, and inputs of the kind image-class"):
        load(Candidate(name="reader", kind=kind, params=params), context)
