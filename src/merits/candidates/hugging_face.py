"""A language model in the Hugging Face format, run inside this process by the package transformers (its extra)."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.causal_model import CausalModel, Written
from merits.candidates.checkpoints import KeepsCheckpoints
from merits.candidates.fine_tuning.learned_writer import LearnedWriter
from merits.candidates.fine_tuning.numbers import IN_TRAINING, check_peft
from merits.candidates.fine_tuning.settings import TrainerParams
from merits.candidates.fine_tuning.writing import Pair
from merits.candidates.imports import versions
from merits.candidates.label_shares import Looks, shares_by_looks
from merits.candidates.local_chat import CONTENT_FREE, LocalChatParams, habits, plain_text, without_habits
from merits.candidates.memory import Weights
from merits.candidates.meter import AskFailed
from merits.candidates.prompts import FEW_SHOT, Prompt, Shown, chosen, keep_shown, kept_shown, shown
from merits.candidates.registry import LoadContext
from merits.candidates.texts import as_text, one_answer
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.files import file_hash, size_of
from merits.media.weights import AllowPickle, Sha256, find_file, model_folder

__all__ = ["READS", "Params", "load"]

READS: tuple[Reads, ...] = ("text", "columns")

ON_PREMISES = True
SPACE = FEW_SHOT


class Params(LocalChatParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A local language model in the Hugging Face format, or in a GGUF file, through transformers."""

    path: Annotated[
        str, msgspec.Meta(min_length=1, description="The model's folder or GGUF file, or its name among the assets.")
    ]
    sha256: Sha256 = ""
    allow_pickle: AllowPickle = False
    batch_size: Annotated[int, msgspec.Meta(ge=1, description="How many prompts are computed together.")] = 8
    device: Annotated[Literal["auto", "cpu", "cuda"], msgspec.Meta(description="auto: a GPU where there is one.")] = (
        "auto"
    )
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        msgspec.Meta(description="Numbers to compute in; auto: bfloat16 on a GPU, else float32."),
    ] = "auto"
    train: Annotated[
        TrainerParams | None,
        msgspec.Meta(description="Fine-tune it on dev, on what is to follow each prompt: all of it, or an adapter."),
    ] = None
    checkpoints: KeepsCheckpoints = True


def load(params: Params, context: LoadContext) -> Model:
    """A model that answers in this process, several inputs together.

    Messages go through the model's chat template; a base model that has none reads them as plain text. In a
    classification with `labels`, the answer is the likeliest label and every label has a probability (see
    `label_shares`). Else the answer is what the model writes, and its confidence the geometric mean of its tokens'
    probabilities. A draw (`temperature`) depends on the seed and the prompt, not on what it is computed with.
    Nothing is downloaded, and no code that comes with a model is run. With `train` it is fine-tuned first, by the
    Trainer of transformers in 32 bits (mixed precision on a GPU): see `merits.candidates.fine_tuning`.
    """
    _libraries(params)
    source, fingerprint = _source(params, context)
    labels = context.classes if params.labels and context.is_labelled else ()
    identity = ["transformers 1", fingerprint, versions("transformers"), versions("torch"), labels, context.seed]
    if params.train is not None:
        identity += ["trained 1", *([versions("peft")] if params.train.lora else [])]
    model = _LocalModel(params, context, source, content_hash(identity))
    return Batcher(
        model.answer_batch,
        batch_size=params.batch_size,
        fingerprint=content_hash(identity),
        timeout_s=context.timeout_s,
        fit=model.fit if params.few_shot or params.train else None,
        keeping=model if params.few_shot or params.train else None,
        close=model.close,
        weights=Weights(_size_of(source, params), model.open, model.put_aside),
        size_bytes=lambda: size_of([source] if isinstance(source, Path) else source.weights),
    )


def _libraries(params: Params) -> None:
    if params.train is not None:
        check_peft(params.train.lora)
    for package in ("torch", "transformers", "safetensors", *(["accelerate"] if params.train else [])):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"a model in the Hugging Face format needs {package}, which is not installed.",
                "Install it: pip install 'merits[transformers]'",
            )


def _source(params: Params, context: LoadContext) -> tuple[Any, str]:
    """What `CausalModel` reads, and a hash of it."""
    if not params.path.lower().endswith(".gguf"):
        folder = model_folder(params.path, context, sha256=params.sha256, allow_pickle=params.allow_pickle)
        return folder, folder.fingerprint
    file = find_file(params.path, context)
    found = file_hash(file)
    if params.sha256 and params.sha256 != found:
        raise CandidateError(
            f"{file.name} has the SHA-256 {found}, not {params.sha256}.", "Fetch it again, or mend it."
        )
    return file, found


def _size_of(source: Any, params: Params) -> int:
    """Bytes of the numbers in memory; of a GGUF file, which holds some five bits of each, about that."""
    each = 2 if params.dtype in ("bfloat16", "float16") and params.train is None else 4
    if params.train is not None and params.train.lora is None:
        each *= IN_TRAINING
    return source.n_bytes(each) if not isinstance(source, Path) else size_of([source]) * 8 * each // 5


class _LocalModel:
    """Blocking answers of one model. Its weights are read by the first question."""

    def __init__(self, params: Params, context: LoadContext, source: Any, fingerprint: str) -> None:
        self._params = params
        self._writer = None
        if params.train is not None:
            self._writer = LearnedWriter(
                params.train, context, family="language-model", fingerprint=fingerprint, kept=params.checkpoints
            )
        self._context = context
        self._source = source
        self._name = source.name if isinstance(source, Path) else source.path.name
        self._lock = threading.Lock()
        self._model: CausalModel | None = None
        self._habits: dict[str, float] | None = None
        self._shown: tuple[Shown, ...] = ()
        self._prompt: Prompt | None = None if params.few_shot or params.train else Prompt(params, context)

    def fit(self, examples: Sequence[Example]) -> None:
        """Choose the examples that are shown, and learn from the others, where that is wanted."""
        picked = chosen(
            examples,
            self._params.few_shot,
            self._context.seed,
            self._context.task_kind,
            draw=self._params.few_shot_draw,
        )
        worked = shown(picked)
        prompt = Prompt(self._params, self._context, worked)
        if self._params.train is not None:
            seen = {example.input_hash for example in picked}
            known = [each for each in examples if each.target is not None and each.input_hash not in seen]
            with self._lock:
                self._train(known, prompt)
        self._prompt, self._habits, self._shown = prompt, None, worked

    def keep(self, folder: Path) -> None:
        """Writes the examples that are shown, and the numbers that were trained; not the model that it began with."""
        if self._prompt is None:
            raise RuntimeError("kept before it was fitted")
        keep_shown(self._shown, folder)
        if self._writer is not None:
            with self._lock:
                self._writer.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        examples = kept_shown(folder)
        if self._writer is not None:
            self.put_aside()
            with self._lock:
                self._writer.restore(folder)
        self._prompt, self._habits = Prompt(self._params, self._context, examples), None
        self._shown = examples

    def _train(self, known: Sequence[Example], prompt: Prompt) -> None:
        """Learns what is to follow the prompts."""
        assert self._writer is not None
        params = self._params
        model = CausalModel(self._source, device=params.device, dtype="float32", threads=params.threads)
        pairs = self._pairs(model, prompt, known)
        self._writer.learn(model.network, pairs, source=self._source, device=model.device, n_known=len(known))
        model.release()

    def _pairs(self, model: CausalModel, prompt: Prompt, known: Sequence[Example]) -> list[tuple[Example, Pair]]:
        """The examples that the model can hold, each with the tokens of its prompt and its answer."""
        made: list[tuple[Example, Pair]] = []
        plain, context = self._is_plain(model), self._params.context_tokens
        for example in known:
            messages, answer = (
                prompt.messages(example.input),
                as_text(one_answer(example.target, self._context.task_kind)),
            )
            text = plain_text(messages) if plain else model.templated(messages)
            pair = model.pair(text, f" {answer}" if plain else model.templated_answer(messages, text, answer))
            if model.room_left([text], context=context, answer=len(pair.answer))[0] >= 0:
                made.append((example, pair))
        return made

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        """The likeliest labels, or what the model writes; an input that is too long fails alone."""
        prompt = self._prompt
        if prompt is None:
            raise RuntimeError("asked before it was fitted")
        with self._lock:  # a thread that was given up on may still be computing
            texts = [self._text(prompt, input) for input in inputs]
            n_answer = 1 if prompt.labels else self._params.max_tokens
            fits = self._loaded().room_left(texts, context=self._params.context_tokens, answer=n_answer)
            good = [text for text, left in zip(texts, fits, strict=True) if left >= 0]
            answers = iter(self._labelled(good, prompt) if prompt.labels else self._written(good))
            return [next(answers) if left >= 0 else _too_long(left) for left in fits]

    def open(self) -> None:
        """Reads the weights, unless they are there."""
        with self._lock:
            self._loaded()

    def put_aside(self) -> None:
        """Frees the model's memory; what was learned is in a file."""
        with self._lock:
            if self._model is not None:
                self._model.release()
            self._model = None

    def close(self) -> None:
        """Frees the model's memory, and forgets what was learned."""
        self.put_aside()
        with self._lock:
            if self._writer is not None:
                self._writer.forget()

    def _loaded(self) -> CausalModel:
        if self._model is None:
            params = self._params
            model = CausalModel(self._source, device=params.device, dtype=params.dtype, threads=params.threads)
            if self._writer is not None:
                self._writer.put_into(model.network)
            self._model = model
        return self._model

    def _text(self, prompt: Prompt, input: JSON) -> str:
        messages, model = prompt.messages(input), self._loaded()
        return plain_text(messages) if self._is_plain(model) else model.templated(messages)

    def _is_plain(self, model: CausalModel) -> bool:
        return self._params.plain or not model.has_template

    def _written(self, texts: Sequence[str]) -> list[Answer]:
        model, params = self._loaded(), self._params
        if not texts:
            return []
        found = model.write(
            texts,
            max_tokens=params.max_tokens,
            temperature=params.temperature,
            stops=params.stops(plain=self._is_plain(model)),
            seed=self._context.seed,
        )
        return [self._answer(written) for written in found]

    def _answer(self, written: Written) -> Answer:
        usage = Usage(input_tokens=written.input_tokens, output_tokens=written.output_tokens)
        reason = "" if written.is_whole else "length"
        text = written.text.strip() if self._is_plain(self._loaded()) else written.text
        return Answer(text, confidence=written.confidence, usage=usage, model=self._name, finish_reason=reason)

    def _labelled(self, texts: Sequence[str], prompt: Prompt) -> list[Answer]:
        if self._params.calibrate and self._params.train is None and self._habits is None:
            nothing = [self._text(prompt, text) for text in CONTENT_FREE]
            self._habits = habits([found for found, _ in self._shares(nothing, prompt.labels)], prompt.labels)
        answers = []
        for raw, n_tokens in self._shares(texts, prompt.labels):
            found = without_habits(raw, self._habits)
            best = max(found, key=lambda label: found[label])
            usage = Usage(input_tokens=n_tokens, output_tokens=1)
            answers.append(Answer(best, probabilities=found, usage=usage, model=self._name))
        return answers

    def _shares(self, texts: Sequence[str], labels: Sequence[str]) -> list[tuple[dict[str, float], int]]:
        """For each text the probability of each label, and the tokens that were read; all texts look at once."""
        model = self._loaded()
        begun = " " if self._is_plain(model) else ""
        looks: list[Looks] = [shares_by_looks(labels) for _ in texts]
        waiting = {n: next(look) for n, look in enumerate(looks)}
        found: dict[int, dict[str, float]] = {}
        read = [0] * len(texts)
        while waiting:
            asked = [texts[n] + (begun + beginning if beginning else "") for n, beginning in waiting.items()]
            following = dict(zip(waiting, model.next_tokens(asked), strict=True))
            for n, (tokens, n_tokens) in following.items():
                read[n] += n_tokens
                try:
                    waiting[n] = looks[n].send(tokens)
                except StopIteration as end:
                    found[n] = end.value
                    del waiting[n]
        return [(found[n], read[n]) for n in range(len(texts))]


def _too_long(left: int) -> AskFailed:
    return AskFailed(Failure("bad_request", f"the prompt and its answer have {-left} tokens more than the model takes"))
