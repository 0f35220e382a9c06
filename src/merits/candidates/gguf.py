"""A chat model in a GGUF file, run inside this process by llama.cpp (package `xllamacpp`, the extra `gguf`)."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.candidates.batcher import Batcher
from merits.candidates.completions import answer_of, usage_of
from merits.candidates.imports import versions
from merits.candidates.label_shares import shares
from merits.candidates.local_chat import CONTENT_FREE, LocalChatParams, habits, plain_text, without_habits
from merits.candidates.memory import Weights
from merits.candidates.meter import AskFailed
from merits.candidates.prompts import FEW_SHOT, Message, Prompt, Shown, chosen, keep_shown, kept_shown, shown
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Failure, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import JSON, content_hash
from merits.core.kinds import Reads
from merits.core.task import Example
from merits.media.assets import asset_folders
from merits.media.files import check_hash, file_hash, size_of

__all__ = ["SPACE", "Params", "load"]

READS: tuple[Reads, ...] = ("text", "columns")
ON_PREMISES = True
SPACE = FEW_SHOT

_TOP = 500  # tokens looked at for the start of a label; further down a token is less likely than 1 in 10,000


class Params(LocalChatParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A local chat model in a GGUF file."""

    path: Annotated[str, msgspec.Meta(min_length=1, description="The GGUF file, or its name in the assets folder.")]
    sha256: Annotated[str, msgspec.Meta(description="If given, the file's SHA-256 must be this.")] = ""


def load(params: Params, context: LoadContext) -> Model:
    """A model that answers in this process, one input after the other, with the prompt's shared start computed once.

    In a classification with `labels`, the answer is the likeliest label and every label has a probability: see
    `label_shares`. Else the answer is what the model writes. While it is loaded, llama.cpp listens on a free port of
    the loopback interface, behind a key made up for the purpose.
    """
    file = _file(params.path, context)
    check_hash(file, params.sha256)
    with file.open("rb") as opened:
        if (start := opened.read(4)) != b"GGUF":
            raise CandidateError(
                f"{file} is no GGUF file: it starts with {start!r}, not with b'GGUF'.", "Name a model in that format."
            )
    _runtime()
    labels = context.classes if params.labels and context.is_labelled else ()
    fingerprint = content_hash(["gguf 1", file_hash(file), versions("xllamacpp"), labels, context.seed])
    model = _LocalChat(params, context, file)
    return Batcher.each(
        model.answer,
        fingerprint=fingerprint,
        timeout_s=context.timeout_s,
        fit=model.fit if params.few_shot else None,
        keeping=model if params.few_shot else None,
        close=model.close,
        weights=Weights(size_of([file]), model.open, model.close),
        size_bytes=lambda: size_of([file]),
    )


def _file(path: str, context: LoadContext) -> Path:
    places = [context.folder / path, *(folder / path for folder in asset_folders(context.folder, context.env))]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise CandidateError(
        f"the model file {path!r} is not there (looked for {looked}).",
        "Fetch it with `make assets`, set MERITS_ASSETS to where it is, or give its path.",
    )


def _runtime() -> Any:
    try:
        import xllamacpp
    except ImportError:
        raise MissingExtra(
            "a GGUF model needs xllamacpp, which is not installed.", "Install it: pip install 'merits[gguf]'"
        ) from None
    return xllamacpp


class _LocalChat:
    """Blocking answers of one model file. The file is read by the first question."""

    def __init__(self, params: Params, context: LoadContext, file: Path) -> None:
        self._params = params
        self._context = context
        self._file = file
        self._lock = threading.Lock()
        self._server: Any = None
        self._habits: Mapping[str, float] | None = None
        self._shown: tuple[Shown, ...] = ()
        self._prompt: Prompt | None = None if params.few_shot else Prompt(params, context)

    def fit(self, examples: Sequence[Example]) -> None:
        """Choose the examples that are shown."""
        picked = chosen(
            examples,
            self._params.few_shot,
            self._context.seed,
            self._context.task_kind,
            draw=self._params.few_shot_draw,
        )
        self._show(shown(picked))

    def keep(self, folder: Path) -> None:
        """Writes the examples that are shown."""
        if self._prompt is None:
            raise RuntimeError("kept before it was fitted")
        keep_shown(self._shown, folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        self._show(kept_shown(folder))

    def _show(self, examples: tuple[Shown, ...]) -> None:
        self._shown, self._habits = examples, None
        self._prompt = Prompt(self._params, self._context, examples)

    def answer(self, input: JSON) -> Answer:
        """The likeliest label, or what the model writes."""
        if self._prompt is None:
            raise RuntimeError("asked before it was fitted")
        with self._lock:  # a thread that was given up on may still be computing
            messages = self._prompt.messages(input)
            return self._labelled(messages, self._prompt) if self._prompt.labels else self._written(messages)

    def open(self) -> None:
        """Reads the file, unless it is there."""
        with self._lock:
            self._started()

    def close(self) -> None:
        """Frees the model's memory."""
        with self._lock:
            self._server = None

    def _written(self, messages: Sequence[Message]) -> Answer:
        params = self._params
        options: dict[str, JSON] = {"max_tokens": params.max_tokens, "temperature": params.temperature}
        if stops := params.stops(plain=params.plain):
            options["stop"] = list(stops)
        answer = answer_of(self._ask(messages, 1, **options), whole=False)
        output = answer.output.strip() if params.plain and isinstance(answer.output, str) else answer.output
        return msgspec.structs.replace(answer, output=output, model=self._file.name)

    def _labelled(self, messages: Sequence[Message], prompt: Prompt) -> Answer:
        if self._params.calibrate and self._habits is None:
            nothing = [self._shares(prompt.messages(text), prompt.labels)[0] for text in CONTENT_FREE]
            self._habits = habits(nothing, prompt.labels)
        raw, usage = self._shares(messages, prompt.labels)
        found = without_habits(raw, self._habits)
        best = max(found, key=lambda label: found[label])
        return Answer(output=best, probabilities=found, usage=usage, model=self._file.name)

    def _shares(self, messages: Sequence[Message], labels: Sequence[str]) -> tuple[dict[str, float], Usage]:
        replies: list[Mapping[str, JSON]] = []

        def look(beginning: str) -> list[tuple[str, float]]:
            begun: list[Message] = [{"role": "assistant", "content": beginning}] if beginning else []
            replies.append(self._ask([*messages, *begun], _TOP, max_tokens=1, temperature=0))
            return _next_tokens(replies[-1])

        return shares(labels, look), _total(replies)

    def _ask(self, messages: Sequence[Message], n_likely: int, **options: JSON) -> Mapping[str, JSON]:
        """A chat completion that tells so many of the likeliest tokens in each place."""
        server = self._started()
        asked = {"cache_prompt": True, "seed": self._context.seed, **options}
        reply: Mapping[str, JSON]
        if self._params.plain:
            reply = server.handle_completions({"prompt": plain_text(messages), "logprobs": n_likely, **asked})
            reply = _as_chat(reply)
        else:
            told = {"logprobs": True, "top_logprobs": n_likely}
            reply = server.handle_chat_completions({"messages": list(messages), **told, **asked})
        error = reply.get("error")
        if error is not None:
            said = error.get("message", error) if isinstance(error, Mapping) else error
            raise AskFailed(Failure("bad_request", f"llama.cpp: {said}"))
        return reply

    def _started(self) -> Any:
        if self._server is None:
            runtime = _runtime()
            options = runtime.CommonParams()
            options.model.path = str(self._file)
            options.n_ctx = self._params.context_tokens
            options.n_parallel = 1
            options.cpuparams.n_threads = options.cpuparams_batch.n_threads = self._params.threads
            options.verbosity = -1
            options.warmup = False
            options.ui = False
            options.cache_ram_mib = 0  # only the start that prompts share is kept, not every prompt
            # Without this, a model of sliding windows (Gemma) computes the shared start anew for every question.
            options.swa_full = True
            options.api_keys = [secrets.token_hex(16)]
            self._server = _opened(partial(runtime.Server, options), self._file)
        return self._server


def _opened(start: Callable[[], Any], file: Path) -> Any:
    try:
        return start()
    except RuntimeError as problem:
        raise CandidateError(
            f"{file} cannot be loaded by llama.cpp: {str(problem).rstrip('.')}.", "Is it a GGUF model?"
        ) from problem


def _as_chat(reply: Mapping[str, Any]) -> Mapping[str, JSON]:
    """A completion of a plain text as one of a chat."""
    choices = [{**choice, "message": {"content": choice.get("text", "")}} for choice in reply.get("choices", ())]
    return {**reply, "choices": choices}


def _next_tokens(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    tokens = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return [(token["token"], math.exp(token["logprob"])) for token in tokens]


def _total(replies: Sequence[Mapping[str, Any]]) -> Usage:
    used = [usage_of(reply.get("usage") or {}) for reply in replies]
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in used),
        cache_read_tokens=sum(usage.cache_read_tokens for usage in used),
        output_tokens=sum(usage.output_tokens for usage in used),
    )
