"""A translator (or any encoder-decoder) in the Hugging Face format, run inside this process by transformers."""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.imports import versions
from merits.candidates.memory import Weights
from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext
from merits.candidates.texts import as_text
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.media.weights import AllowPickle, ModelFolder, Sha256, model_folder

__all__ = ["READS", "Params", "load"]

READS: tuple[Reads, ...] = ("text",)

ON_PREMISES = True


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A local encoder-decoder model (Marian, NLLB, M2M100, mBART, T5) through transformers."""

    path: Annotated[str, msgspec.Meta(min_length=1, description="The model's folder, or its name among the assets.")]
    source: Annotated[
        str,
        msgspec.Meta(description="The language of the input, in the model's own code (eng_Latn, en); most have none."),
    ] = ""
    target: Annotated[
        str,
        msgspec.Meta(description="The language of the answer, in the model's own code (spa_Latn, es, >>spa<<)."),
    ] = ""
    prefix: Annotated[
        str, msgspec.Meta(description="What goes before every input, as T5 wants it: translate English to German: .")
    ] = ""
    beams: Annotated[int, msgspec.Meta(ge=1, description="How many translations are followed up at once.")] = 4
    max_tokens: Annotated[int, msgspec.Meta(ge=1, description="Longest answer.")] = 256
    batch_size: Annotated[int, msgspec.Meta(ge=1, description="How many texts are computed together.")] = 16
    device: Annotated[Literal["auto", "cpu", "cuda"], msgspec.Meta(description="auto: a GPU where there is one.")] = (
        "auto"
    )
    threads: Annotated[int, msgspec.Meta(ge=1, description="Processor threads to compute with.")] = 1
    sha256: Sha256 = ""
    allow_pickle: AllowPickle = False


def load(params: Params, context: LoadContext) -> Model:
    """A model that translates in this process, several texts together; the weights are read by the first question.

    The likeliest of `beams` translations is the answer. An answer may differ in the last digit of its probability with
    its company in a batch, so where two translations are as good as alike the other one may be said. Nothing is
    downloaded, and no code that comes with a model is run.
    """
    for package in ("torch", "transformers", "safetensors"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"a model in the Hugging Face format needs {package}, which is not installed.",
                "Install it: pip install 'merits[transformers,translation]'",
            )
    folder = model_folder(params.path, context, sha256=params.sha256, allow_pickle=params.allow_pickle)
    translator = _Translator(params, folder)
    return Batcher(
        translator.answer_batch,
        batch_size=params.batch_size,
        fingerprint=content_hash(["seq2seq 1", folder.fingerprint, versions("transformers"), versions("torch")]),
        timeout_s=context.timeout_s,
        close=translator.close,
        weights=Weights(folder.n_bytes(4), translator.open, translator.close),
    )


class _Translator:
    """Blocking answers of one model."""

    def __init__(self, params: Params, folder: ModelFolder) -> None:
        self._params = params
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        """The likeliest translations; a text that is too long for the model fails alone."""
        with self._lock:  # a thread that was given up on may still be computing
            return self._there().translations([self._params.prefix + as_text(input) for input in inputs])

    def open(self) -> None:
        """Reads the weights, unless they are there."""
        with self._lock:
            self._there()

    def _there(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _Loaded(self._params, self._folder)
        return self._loaded

    def close(self) -> None:
        """Frees the model's memory, that of a GPU too."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
            if loaded is not None:
                loaded.release()


class _Loaded:
    """A model and its tokenizer in memory."""

    def __init__(self, params: Params, folder: ModelFolder) -> None:
        import torch
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
        from transformers.utils import logging

        bars: Any = logging
        bars.disable_progress_bar()
        torch.set_num_threads(params.threads)
        if params.device == "cuda" and not torch.cuda.is_available():
            raise CandidateError("device is cuda, and there is no GPU that torch can use.", "Write `device: auto`.")
        self._torch: Any = torch
        self._device = "cuda" if params.device != "cpu" and torch.cuda.is_available() else "cpu"
        self._name = folder.path.name
        with warnings.catch_warnings():  # Marian's recommends a package that it does without
            warnings.simplefilter("ignore")
            self._tokenizer = folder.open_tokenizer(AutoTokenizer)
        self._prefix = _set_languages(self._tokenizer, params)
        self._options: dict[str, Any] = {"num_beams": params.beams, "max_new_tokens": params.max_tokens}
        if params.target and not self._prefix:
            self._options["forced_bos_token_id"] = _language(self._tokenizer, params.target)
        dtype = torch.bfloat16 if self._device == "cuda" else torch.float32
        self._model = folder.open(AutoModelForSeq2SeqLM, dtype=dtype).to(self._device).eval()
        config = self._model.config
        self._longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)

    def translations(self, texts: Sequence[str]) -> list[Answer | Exception]:
        ids = self._tokenizer([self._prefix + text for text in texts])["input_ids"]
        good = [each for each in ids if self._longest is None or len(each) <= self._longest]
        answers = iter(self._translated(good) if good else [])
        return [
            next(answers) if self._longest is None or len(each) <= self._longest else self._too_long(len(each))
            for each in ids
        ]

    def _translated(self, ids: Sequence[Sequence[int]]) -> list[Answer]:
        batch = self._tokenizer.pad({"input_ids": list(ids)}, return_tensors="pt").to(self._device)
        with self._torch.inference_mode():
            found = self._model.generate(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=False, **self._options
            )
        # The first token starts the answer; the language's is not among the special ones of every tokenizer.
        start = 2 if "forced_bos_token_id" in self._options else 1
        written = [
            [token for token in row if token != self._tokenizer.pad_token_id] for row in found[:, start:].tolist()
        ]
        texts = self._tokenizer.batch_decode(written, skip_special_tokens=True)
        return [
            Answer(text.strip(), usage=Usage(input_tokens=len(read), output_tokens=len(said)), model=self._name)
            for text, read, said in zip(texts, ids, written, strict=True)
        ]

    def _too_long(self, n_tokens: int) -> AskFailed:
        return AskFailed(Failure("bad_request", f"the text has {n_tokens} tokens, and the model reads {self._longest}"))

    def release(self) -> None:
        del self._model
        if self._device == "cuda":
            self._torch.cuda.empty_cache()


def _set_languages(tokenizer: Any, params: Params) -> str:
    """What goes before each text so that it is in the right language: the token of a Marian model of several, or ""."""
    if params.source:
        _language(tokenizer, params.source)
        if not hasattr(tokenizer, "src_lang"):
            raise CandidateError(
                "the model's tokenizer takes no source language.", "Leave `source` out, or write it into `prefix`."
            )
        tokenizer.src_lang = params.source
    return f"{params.target} " if params.target.startswith(">>") and _language(tokenizer, params.target) else ""


def _language(tokenizer: Any, code: str) -> int:
    """The token of a language: NLLB and mBART write it eng_Latn or en_XX, M2M100 __en__, Marian >>eng<<."""
    for token in (code, f"__{code}__"):
        number = tokenizer.convert_tokens_to_ids(token)
        if number is not None and number != tokenizer.unk_token_id:
            return int(number)
    known = [str(token) for token in tokenizer.all_special_tokens if len(str(token)) > 3 and str(token)[0] not in "<["]
    raise CandidateError(
        f"the model knows no language {code!r}.",
        f"It knows {', '.join(known[:12])} ..." if known else "Leave `source` and `target` out: it has one pair only.",
    )
