"""Neural translators: real models of a few sentences, made here, through transformers and through CTranslate2."""

from __future__ import annotations

import asyncio
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.testing.contracts.model import ModelContract
from tests.candidates import tiny_translators
from tests.candidates.tiny_translators import ENGLISH, FRENCH, SPANISH

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")
runtime = pytest.importorskip("ctranslate2")

LANGUAGES: dict[str, JSON] = {"source": "eng_Latn", "target": "fra_Latn"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("translators")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = [tiny_translators.marian(folder / "marian"), tiny_translators.nllb(folder / "nllb")]
    torch.set_rng_state(state)
    for path, files in zip(made, [["source.spm", "target.spm"], ["tokenizer.json"]], strict=True):
        with warnings.catch_warnings():  # Marian's tokenizer recommends a package that it does without
            warnings.simplefilter("ignore")
            converter = runtime.converters.TransformersConverter(str(path), copy_files=files)
            converter.convert(str(folder / f"{path.name}-ct2"))
    yield folder
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("kind", "suffix"), [("seq2seq", ""), ("ctranslate2", "-ct2")])
class TestContract(ModelContract):
    """The contract of all models."""

    inputs = ("good day", "thanks")
    odd = ModelContract.odd[:-1]

    @pytest.fixture(autouse=True)
    def _choose(self, models: Path, kind: str, suffix: str) -> None:
        self.folder, self.kind, self.params = models, kind, {"path": f"marian{suffix}", "max_tokens": 20}

    def make(self) -> Model:
        return load(
            Candidate(name="it", kind=self.kind, params=self.params), LoadContext(folder=self.folder, timeout_s=60)
        )


def ask(kind: str, folder: Path, texts: list[str], **params: JSON) -> list[Answer | BaseException]:
    async def all_of_them() -> list[Answer | BaseException]:
        model = load(Candidate(name="it", kind=kind, params=params), LoadContext(folder=folder, env={}, timeout_s=60))
        try:
            return await asyncio.gather(*map(model.answer, texts), return_exceptions=True)
        finally:
            await model.close()

    return asyncio.run(all_of_them())


def said(kind: str, folder: Path, texts: list[str], **params: JSON) -> list[JSON]:
    return [found.output if isinstance(found, Answer) else repr(found) for found in ask(kind, folder, texts, **params)]


@pytest.mark.parametrize(("kind", "suffix"), [("seq2seq", ""), ("ctranslate2", "-ct2")])
@pytest.mark.parametrize("beams", [1, 4])
def test_a_model_translates_what_it_learned(models: Path, kind: str, suffix: str, beams: int) -> None:
    """Texts of different lengths together, with and without a beam; the model of two pairs goes by its target."""
    assert said(kind, models, ENGLISH, path=f"marian{suffix}", beams=beams) == SPANISH
    for target, expected in (("spa_Latn", SPANISH), ("fra_Latn", FRENCH)):
        found = said(kind, models, ENGLISH, path=f"nllb{suffix}", source="eng_Latn", target=target, beams=beams)
        assert found == expected


@pytest.mark.parametrize(("kind", "suffix"), [("seq2seq", ""), ("ctranslate2", "-ct2")])
def test_tokens_are_counted(models: Path, kind: str, suffix: str) -> None:
    """Of the text and of the answer, the ends included where the model reads them."""
    [found] = ask(kind, models, ["thanks"], path=f"nllb{suffix}", **LANGUAGES)
    assert isinstance(found, Answer)
    assert found.usage.input_tokens == 3
    assert 1 <= found.usage.output_tokens <= 2
    assert found.model == f"nllb{suffix}"


def test_a_text_that_is_too_long_fails_alone(models: Path) -> None:
    """A model's positions end somewhere."""
    found = ask("seq2seq", models, [ENGLISH[0], "cat " * 100, ENGLISH[1]], path="marian")
    assert isinstance(found[1], Exception)
    assert "and the model reads 32" in str(found[1])
    assert [each.output for each in found if isinstance(each, Answer)] == SPANISH[:2]


def test_a_language_that_the_model_does_not_know_is_named(models: Path) -> None:
    """With those it knows, before a wrong language is answered with."""
    [found] = ask("seq2seq", models, ["thanks"], path="nllb", source="eng_Latn", target="xyz_Latn")
    assert "the model knows no language 'xyz_Latn'" in str(found)
    assert "spa_Latn" in str(found)
    [found] = ask("seq2seq", models, ["thanks"], path="marian", target="spa_Latn")
    assert "it has one pair only" in str(found)


def test_pickled_weights_are_refused(models: Path, tmp_path: Path) -> None:
    """They could run code; safetensors cannot."""
    folder = shutil.copytree(models / "marian", tmp_path / "old")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CandidateError, match="pickled weights"):
        said("seq2seq", tmp_path, ["thanks"], path="old")


@pytest.mark.parametrize("kind", ["seq2seq", "ctranslate2"])
def test_what_is_missing_is_named(models: Path, kind: str, tmp_path: Path) -> None:
    """The folder, or the file in it."""
    with pytest.raises(CandidateError, match="the model folder 'nowhere' is not there"):
        said(kind, tmp_path, ["thanks"], path="nowhere")


def test_a_converted_model_without_its_parts_is_refused(models: Path, tmp_path: Path) -> None:
    """No weights, no tokenizer, another hash, or something else under the name of the weights."""
    folder = shutil.copytree(models / "nllb-ct2", tmp_path / "it")
    with pytest.raises(CandidateError, match="has the SHA-256"):
        said("ctranslate2", tmp_path, ["thanks"], path="it", sha256="0" * 64)
    (folder / "tokenizer.json").rename(tmp_path / "kept")
    with pytest.raises(CandidateError, match="has no tokenizer"):
        said("ctranslate2", tmp_path, ["thanks"], path="it")
    (folder / "tokenizer.json").write_text("{}")
    [found] = ask("ctranslate2", tmp_path, ["thanks"], path="it")
    assert "is no tokenizer" in str(found)
    (tmp_path / "kept").rename(folder / "tokenizer.json")
    (folder / "model.bin").write_bytes(b"not a model")
    [found] = ask("ctranslate2", tmp_path, ["thanks"], path="it")
    assert "cannot be opened by CTranslate2" in str(found)
    (folder / "model.bin").unlink()
    with pytest.raises(CandidateError, match=r"holds no model\.bin"):
        said("ctranslate2", tmp_path, ["thanks"], path="it")
