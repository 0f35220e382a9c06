"""What language models and translators learned is kept apart from the model that they began with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from tests.candidates import tiny_translators
from tests.candidates.kept_once import kept_as_it_was
from tests.candidates.test_fine_tuned_translators import ENGLISH, OTHERS, examples
from tests.candidates.test_fine_tuned_writers import letters
from tests.candidates.test_hugging_face import TEMPLATE, made

torch = pytest.importorskip("torch", reason="needs the extra transformers")
pytest.importorskip("accelerate", reason="needs the extra transformers")
pytest.importorskip("peft", reason="needs the extra lora")

SHORT: dict[str, JSON] = {"epochs": 2, "learning_rate": 1e-2, "batch_size": 8}
WAYS: list[dict[str, JSON]] = [
    {"train": SHORT, "few_shot": 2},
    {"train": {**SHORT, "lora": {"rank": 4}}},
    {"few_shot": 3},
]
ASKED = [one.input for one in letters(4, seed=7)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("base"), TEMPLATE)


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    pytest.importorskip("sentencepiece")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield tiny_translators.marian(tmp_path_factory.mktemp("translators") / "marian")
    torch.set_rng_state(state)
    torch.set_num_threads(threads)


def writer(base: Path, **params: JSON) -> Candidate:
    return Candidate(name="w", kind="transformers", params={"path": str(base), "max_tokens": 6, **params})


@pytest.mark.parametrize("params", WAYS, ids=["whole", "adapter", "examples only"])
def test_writers(params: dict[str, JSON], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All numbers, those of an adapter, or only the examples that are shown."""
    context = LoadContext(folder=tmp_path, task_kind="generation", env={})
    model = kept_as_it_was(writer(base, **params), context, letters(40), ASKED, monkeypatch)
    (tmp_path / "kept").mkdir()
    model.keep(tmp_path / "kept")
    kept = {file.name for file in (tmp_path / "kept").iterdir()}
    assert kept == ({"shown.json", "trained.safetensors"} if "train" in params else {"shown.json"})


def test_a_classifier_by_its_next_tokens(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Habits that are taken away are found again, by the same prompts."""
    context = LoadContext(folder=tmp_path, classes=("a", "b"), env={})
    recipe = writer(base, few_shot=2, calibrate=True)
    learned = [one for one in letters(40) if one.target != "cc"]
    learned = [type(one)(one.id, one.input, str(one.target)[0]) for one in learned]
    kept_as_it_was(recipe, context, learned, ASKED, monkeypatch)


@pytest.mark.parametrize("lora", [False, True])
def test_translators(lora: bool, marian: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train: dict[str, JSON] = {**SHORT, "held_out": 0.01, **({"lora": {"rank": 4}} if lora else {})}
    context = LoadContext(folder=tmp_path, task_kind="translation", env={})
    params: dict[str, JSON] = {"path": str(marian), "train": train, "max_tokens": 12, "beams": 1}
    recipe = Candidate(name="t", kind="seq2seq", params=params)
    kept_as_it_was(recipe, context, examples(OTHERS), ENGLISH, monkeypatch)


def test_what_another_one_learned_is_refused_and_nothing_of_the_release_is_taken_away(
    base: Path, tmp_path: Path
) -> None:
    """An adapter's numbers have no place in a model that is trained whole."""
    context = LoadContext(folder=tmp_path, task_kind="generation", env={}, timeout_s=60)
    adapted: Any = load(writer(base, train={**SHORT, "lora": {"rank": 4}}), context)
    adapted.fit(letters(40))
    kept = tmp_path / "kept"
    kept.mkdir()
    adapted.keep(kept)
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    other: Any = load(writer(base, train=SHORT), context)
    other.restore(kept)
    with pytest.raises(CandidateError, match="of another network"):
        other.weights.read()
    again: Any = load(writer(base, train={**SHORT, "lora": {"rank": 4}}), context)
    again.restore(kept)
    again.restore(kept)
    again.weights.read()
    for model in (other, again, adapted):
        model._close()
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    shutil.rmtree(kept)
