"""A translator (or any encoder-decoder) in the Hugging Face format, run inside this process by transformers."""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.checkpoints import KeepsCheckpoints
from merits.candidates.fine_tuning.learned_writer import LearnedWriter
from merits.candidates.fine_tuning.numbers import IN_TRAINING, check_peft
from merits.candidates.fine_tuning.settings import TrainerParams
from merits.candidates.fine_tuning.writing import Pair
from merits.candidates.imports import versions
from merits.candidates.memory import Weights
from merits.candidates.meter import AskFailed
from merits.candidates.registry import LoadContext
from merits.candidates.texts import as_text, one_answer
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.weights import IMPORTING, AllowPickle, ModelFolder, Sha256, model_folder

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
    train: Annotated[
        TrainerParams | None,
        msgspec.Meta(description="Fine-tune it on dev, on the answers that are wanted: all of it, or an adapter."),
    ] = None
    checkpoints: KeepsCheckpoints = True


def load(params: Params, context: LoadContext) -> Model:
    """A model that translates in this process, several texts together; the weights are read by the first question.

    The likeliest of `beams` translations is the answer. An answer may differ in the last digit of its probability with
    its company in a batch, so where two translations are as good as alike the other one may be said. Nothing is
    downloaded, and no code that comes with a model is run. With `train` it is fine-tuned first, by the Trainer of
    transformers in 32 bits (mixed precision on a GPU): see `merits.candidates.fine_tuning`.
    """
    if params.train is not None:
        check_peft(params.train.lora)
    for package in ("torch", "transformers", "safetensors", *(["accelerate"] if params.train else [])):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"a model in the Hugging Face format needs {package}, which is not installed.",
                "Install it: pip install 'merits[transformers,translation]'",
            )
    folder = model_folder(params.path, context, sha256=params.sha256, allow_pickle=params.allow_pickle)
    identity = ["seq2seq 1", folder.fingerprint, versions("transformers"), versions("torch")]
    if params.train is not None:
        identity += ["trained 1", str(context.seed), *([versions("peft")] if params.train.lora else [])]
    translator = _Translator(params, folder, context, content_hash(identity))
    trains_all = params.train is not None and params.train.lora is None
    return Batcher(
        translator.answer_batch,
        batch_size=params.batch_size,
        fingerprint=content_hash(identity),
        timeout_s=context.timeout_s,
        fit=None if params.train is None else translator.fit,
        keeping=translator if params.train is not None else None,
        close=translator.close,
        weights=Weights(folder.n_bytes(4 * (IN_TRAINING if trains_all else 1)), translator.open, translator.put_aside),
    )


class _Translator:
    """Blocking answers of one model."""

    def __init__(self, params: Params, folder: ModelFolder, context: LoadContext, fingerprint: str) -> None:
        self._params = params
        self._folder = folder
        self._kind = context.task_kind
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None
        self._writer = None
        if params.train is not None:
            settings = [fingerprint, params.source, params.target]
            self._writer = LearnedWriter(
                params.train,
                context,
                family="translator",
                fingerprint=content_hash(settings),
                kept=params.checkpoints,
                reads_apart=True,
            )

    def fit(self, examples: Sequence[Example]) -> None:
        """Learns to say what is wanted of the examples that have a target and are not too long."""
        known = [example for example in examples if example.target is not None]
        with self._lock:
            assert self._writer is not None, "fitted only where `train` is there"
            self._release()
            loaded = _Loaded(self._params, self._folder, is_trained=True)
            texts = [self._params.prefix + as_text(example.input) for example in known]
            answers = [as_text(one_answer(example.target, self._kind)) for example in known]
            pairs = [
                (example, pair)
                for example, pair in zip(known, loaded.pairs(texts, answers), strict=True)
                if pair is not None
            ]
            self._writer.learn(loaded.network, pairs, source=self._folder, device=loaded.device, n_known=len(known))
            loaded.release()

    def keep(self, folder: Path) -> None:
        """Writes the numbers that were trained; not the model that it began with."""
        assert self._writer is not None, "kept only where `train` is there"
        with self._lock:
            self._writer.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        assert self._writer is not None, "kept only where `train` is there"
        with self._lock:
            self._release()
            self._writer.restore(folder)

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
            if self._writer is not None:
                self._writer.put_into(self._loaded.network)
        return self._loaded

    def put_aside(self) -> None:
        """Frees the model's memory, that of a GPU too; what was learned is in a file."""
        with self._lock:
            self._release()

    def close(self) -> None:
        """Frees the model's memory, and forgets what was learned."""
        with self._lock:
            self._release()
            if self._writer is not None:
                self._writer.forget()

    def _release(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.release()


class _Loaded:
    """A model and its tokenizer in memory."""

    def __init__(self, params: Params, folder: ModelFolder, *, is_trained: bool = False) -> None:
        import torch

        with IMPORTING:
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
        dtype = torch.bfloat16 if self._device == "cuda" and not is_trained else torch.float32
        self._model = folder.open(AutoModelForSeq2SeqLM, dtype=dtype).to(self._device).eval()
        config = self._model.config
        self._longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)

    @property
    def network(self) -> Any:
        """The module of torch, for whoever trains it."""
        return self._model

    @property
    def device(self) -> str:
        """Where it computes."""
        return self._device

    def pairs(self, texts: Sequence[str], answers: Sequence[str]) -> list[Pair | None]:
        """Texts and the answers that are wanted as tokens, with those that end them; None where one is too long."""
        read = self._tokenizer([self._prefix + text for text in texts])["input_ids"] if texts else []
        said = self._tokenizer(text_target=list(answers))["input_ids"] if answers else []
        return [Pair(a, b) if self._fits(a) and self._fits(b) else None for a, b in zip(read, said, strict=True)]

    def _fits(self, ids: Sequence[int]) -> bool:
        return self._longest is None or len(ids) <= self._longest

    def translations(self, texts: Sequence[str]) -> list[Answer | Exception]:
        ids = self._tokenizer([self._prefix + text for text in texts])["input_ids"]
        good = [each for each in ids if self._fits(each)]
        answers = iter(self._translated(good) if good else [])
        return [next(answers) if self._fits(each) else self._too_long(len(each)) for each in ids]

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
        if params.target:
            tokenizer.tgt_lang = params.target
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
