"""Trials share what was embedded; what is kept is measured on test as it will be served."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from merits.candidates.sentence_embeddings import DEFAULT_MODEL, Embedder, Map, model_files
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.evaluation import Evaluation
from merits.core.task import Split, Task
from merits.evaluating import evaluate
from merits.searching.trying import Trying
from merits.store import open_store
from tests.evaluating.making import task

ROOT = Path(__file__).parents[2]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each text was embedded."""
    pytest.importorskip("onnxruntime")
    try:
        folder = model_files(DEFAULT_MODEL, ROOT, {})[0].parent.parent
    except CandidateError:
        pytest.skip("the embedding model is not there; fetch it with `make assets`")
    monkeypatch.setenv("MERITS_ASSETS", str(folder))
    counted: Counter[str] = Counter()
    vectors = Embedder._vectors

    def counting(self: Embedder, texts: Sequence[str], run: Map) -> NDArray[np.float32]:
        counted.update(texts)
        return vectors(self, texts, run)

    monkeypatch.setattr(Embedder, "_vectors", counting)
    return counted


def of(folder: Path) -> Task:
    return replace(task(20), folder=str(folder))


def candidates() -> list[Candidate]:
    strengths = (0.1, 1.0, 10.0)
    return [Candidate(name=f"at {one}", kind="embeddings-linear", params={"strength": one}) for one in strengths]


def test_trials_embed_each_text_twice_at_the_most_and_report_what_an_answer_takes(
    tmp_path: Path, embedded: Counter[str]
) -> None:
    """Once to learn from, once to measure, though trials go side by side; or three would measure it three times."""
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        found = Trying(of(tmp_path), store, None).of(candidates())
    dev = [str(example.input) for example in of(tmp_path).split("dev")]
    assert set(embedded) == set(dev)
    assert max(embedded.values()) <= 2
    for k in range(3):
        assert np.median(found.latency_s[k]) == pytest.approx(np.median(found.latency_s[0]), rel=0.5)
        assert found.machine_s[k].min() > 0.5 * found.machine_s[0].min()


@pytest.mark.parametrize(("split", "trial"), [("test", True), ("test", False), ("dev", False)])
def test_outside_trials_on_dev_every_answer_is_embedded(
    tmp_path: Path, embedded: Counter[str], split: Split, trial: bool
) -> None:
    """Also where a search computed the same texts before."""

    async def evaluated() -> Evaluation:
        return await evaluate(of(tmp_path), candidates(), split=split, store=store, trial=trial)

    with closing(open_store(tmp_path / "other.sqlite")) as store:
        Trying(of(tmp_path), store, None).of(candidates())
    embedded.clear()
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        asyncio.run(evaluated())
    asked = [str(example.input) for example in of(tmp_path).split(split)]
    assert embedded == Counter(dict.fromkeys(asked, 3))
