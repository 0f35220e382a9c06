"""A translator converted for CTranslate2 (OPUS-MT, NLLB, M2M100 ...), run inside this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.imports import versions
from merits.candidates.memory import Weights
from merits.candidates.registry import LoadContext
from merits.candidates.texts import as_text
from merits.core.answer import Answer, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.files import check_hash, file_hash, size_of
from merits.media.weights import find_folder

__all__ = ["READS", "Params", "load"]

ON_PREMISES = True

READS: tuple[Reads, ...] = ("text",)
_EXTRA = "Install it: pip install 'merits[translation]'"
_WEIGHTS = "model.bin"  # CTranslate2's own format: numbers and names, nothing that could be run
_END = "</s>"
_PIECES = ("source.spm", "sentencepiece.bpe.model", "sentencepiece.model", "spm.model", "tokenizer.model")

Texts = Callable[[Sequence[str]], str]  # of tokens


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A translator converted for CTranslate2: a folder with model.bin and its tokenizer."""

    path: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="The folder, or its name among the assets: model.bin beside tokenizer.json or source.spm and "
            "target.spm (ct2-transformers-converter --copy_files).",
        ),
    ]
    source: Annotated[
        str, msgspec.Meta(description="The token of the input's language (eng_Latn, __en__); most models have none.")
    ] = ""
    target: Annotated[
        str, msgspec.Meta(description="The token of the answer's language (spa_Latn, __es__); of Marian >>spa<<.")
    ] = ""
    beams: Annotated[int, msgspec.Meta(ge=1, description="How many translations are followed up at once.")] = 4
    max_tokens: Annotated[int, msgspec.Meta(ge=1, description="Longest answer.")] = 256
    batch_size: Annotated[int, msgspec.Meta(ge=1, description="How many texts are computed together.")] = 16
    compute_type: Annotated[
        Literal["default", "auto", "int8", "int8_float32", "int8_float16", "float16", "bfloat16", "float32"],
        msgspec.Meta(description="Numbers to compute in; default: those of the file."),
    ] = "default"
    device: Annotated[Literal["auto", "cpu", "cuda"], msgspec.Meta(description="auto: a GPU where there is one.")] = (
        "auto"
    )
    threads: Annotated[int, msgspec.Meta(ge=1, description="Processor threads to compute with.")] = 1
    sha256: Annotated[str, msgspec.Meta(description="If given, the SHA-256 of model.bin must be this.")] = ""


def load(params: Params, context: LoadContext) -> Model:
    """A model that translates in this process, several texts together; the weights are read by the first question.

    Texts are cut into tokens by the tokenizer.json or the SentencePiece models in the folder. CandidateError where the
    folder lacks one of them or is no converted model.
    """
    folder = find_folder(params.path, context)
    if not (folder / _WEIGHTS).is_file():
        raise CandidateError(
            f"{folder} holds no {_WEIGHTS}.",
            "Convert the model: ct2-transformers-converter, of the package ctranslate2.",
        )
    check_hash(folder / _WEIGHTS, params.sha256)
    _package("ctranslate2")
    read = _tokenizer_files(folder)
    _package("tokenizers" if read[0].suffix == ".json" else "sentencepiece")
    translator = _Translator(params, folder)
    hashes = [file_hash(file) for file in sorted([*folder.glob("*.json"), *read])]
    return Batcher(
        translator.answer_batch,
        batch_size=params.batch_size,
        fingerprint=content_hash(["ctranslate2 1", file_hash(folder / _WEIGHTS), hashes, versions("ctranslate2")]),
        timeout_s=context.timeout_s,
        close=translator.close,
        weights=Weights(size_of([folder / _WEIGHTS]), translator.open, translator.close),
    )


def _package(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra(f"a converted translator needs {name}, which is not installed.", _EXTRA) from None


def _tokenizer_files(folder: Path) -> list[Path]:
    """The files that cut a text into tokens and put tokens together: one for both, or one each."""
    if (folder / "tokenizer.json").is_file():
        return [folder / "tokenizer.json"]
    source = next((folder / name for name in _PIECES if (folder / name).is_file()), None)
    if source is None:
        raise CandidateError(
            f"{folder} has no tokenizer (tokenizer.json, {', '.join(_PIECES)}).",
            "Copy it there from the original model: ct2-transformers-converter --copy_files tokenizer.json.",
        )
    target = folder / "target.spm"
    return [source, target] if source.name == "source.spm" and target.is_file() else [source]


@dataclass(frozen=True)
class _Tokenizer:
    cut: Callable[[str], list[str]]
    join: Texts


def _tokenizer(folder: Path, params: Params) -> _Tokenizer:
    files = _tokenizer_files(folder)
    try:
        return _of_json(files[0], params) if files[0].suffix == ".json" else _of_pieces(files, folder, params)
    except (RuntimeError, ValueError, OSError) as problem:
        raise CandidateError(f"{files[0]} is no tokenizer: {problem}.", "Fetch it again.") from problem
    except Exception as problem:
        if type(problem) is not Exception:  # what the package tokenizers raises has no class of its own
            raise
        raise CandidateError(f"{files[0]} is no tokenizer: {problem}.", "Fetch it again.") from problem


def _of_json(file: Path, params: Params) -> _Tokenizer:
    found = _package("tokenizers").Tokenizer.from_file(str(file))
    found.no_padding()

    def cut(text: str) -> list[str]:
        if not params.source:
            return list(found.encode(text).tokens)
        return [params.source, *found.encode(text, add_special_tokens=False).tokens, _END]

    def join(tokens: Sequence[str]) -> str:
        ids = [found.token_to_id(token) for token in tokens]
        return str(found.decode([number for number in ids if number is not None]))

    return _Tokenizer(cut, join)


def _of_pieces(files: Sequence[Path], folder: Path, params: Params) -> _Tokenizer:
    pieces = _package("sentencepiece").SentencePieceProcessor
    source = pieces(model_file=str(files[0]))
    target = pieces(model_file=str(files[-1])) if len(files) > 1 else source
    # A model converted from Marian's own format adds the end by itself, one from transformers does not.
    ends = bool(json.loads((folder / "config.json").read_text("utf-8")).get("add_source_eos"))
    first = [token for token in (params.source, params.target if params.target.startswith(">>") else "") if token]

    def cut(text: str) -> list[str]:
        return [*first, *source.encode(text, out_type=str), *([] if ends else [_END])]

    return _Tokenizer(cut, lambda tokens: str(target.decode(list(tokens))))


class _Translator:
    """Blocking answers of one model."""

    def __init__(self, params: Params, folder: Path) -> None:
        self._params = params
        self._folder = folder
        self._lock = threading.Lock()
        self._translator: Any = None
        self._tokenizer: _Tokenizer | None = None

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer]:
        """The likeliest translations."""
        params = self._params
        with self._lock:  # a thread that was given up on may still be computing
            translator, tokenizer = self._ready()
            tokens = [tokenizer.cut(as_text(input)) for input in inputs]
            prefix = [] if params.target.startswith(">>") or not params.target else [params.target]
            found = translator.translate_batch(
                tokens,
                target_prefix=[prefix] * len(tokens) if prefix else None,
                beam_size=params.beams,
                max_decoding_length=params.max_tokens,
                max_input_length=0,
            )
        said = [result.hypotheses[0][len(prefix) :] for result in found]
        return [
            Answer(
                tokenizer.join(mine).strip(),
                usage=Usage(input_tokens=len(read), output_tokens=len(mine)),
                model=self._folder.name,
            )
            for read, mine in zip(tokens, said, strict=True)
        ]

    def open(self) -> None:
        """Reads the weights, unless they are there."""
        with self._lock:
            self._ready()

    def close(self) -> None:
        """Frees the model's memory, that of a GPU too."""
        with self._lock:
            self._translator = None

    def _ready(self) -> tuple[Any, _Tokenizer]:
        if self._tokenizer is None:
            self._tokenizer = _tokenizer(self._folder, self._params)
        if self._translator is None:
            self._translator = self._opened()
        return self._translator, self._tokenizer

    def _opened(self) -> Any:
        params, runtime = self._params, _package("ctranslate2")
        try:
            return runtime.Translator(
                str(self._folder),
                device=params.device,
                compute_type=params.compute_type,
                inter_threads=1,
                intra_threads=params.threads,
            )
        except (RuntimeError, ValueError) as problem:
            raise CandidateError(
                f"{self._folder} cannot be opened by CTranslate2: {problem}.",
                "Is it a converted model, whole, and of a version that the installed library knows?",
            ) from problem
