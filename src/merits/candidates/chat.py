"""Any chat model behind an OpenAI-compatible endpoint (`/v1/chat/completions`).

Knows nothing about how requests travel or how replies read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

import msgspec

from merits.candidates.batching import Batches
from merits.candidates.completions import Gathered, answer_in
from merits.candidates.endpoint_params import BaseURL, ModelName, Parameters, Whose, endpoint_of, sampling_names
from merits.candidates.forms import Form, FormParams
from merits.candidates.keys_in_recipes import must_hold_no_key
from merits.candidates.openai_batches import OpenAIBatches
from merits.candidates.prompts import FEW_SHOT, Message
from merits.candidates.providers import Endpoint
from merits.candidates.registry import LoadContext, Space
from merits.candidates.remote import remote_chat, streamed, whole_of
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.identity import JSON

__all__ = ["SPACE", "Params", "load", "names_in"]

_BATCHING = ("openai", "groq")  # those that offer OpenAI's batches at the same address
RUNS_HERE = False
names_in = sampling_names
SPACE: Space = {**FEW_SHOT, "parameters.temperature": [0.0, 0.5, 1.0]}
_RESERVED = ("model", "messages", "stream", "n", "logprobs", "top_logprobs", "tools", "response_format")


class Params(FormParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A chat model behind an OpenAI-compatible endpoint; its key comes from <PROVIDER>_API_KEY, never from here."""

    model: ModelName
    provider: Whose = "openai"
    base_url: BaseURL = ""
    parameters: Parameters = {}
    logprobs: Annotated[
        bool,
        msgspec.Meta(
            description="Ask for token probabilities and read from them a confidence, or the probability of each label."
        ),
    ] = False
    top_logprobs: Annotated[
        int,
        msgspec.Meta(ge=0, le=20, description="How many tokens to ask for in each place, where labels are given."),
    ] = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        must_hold_no_key(self.parameters, self.provider, _RESERVED)


def load(params: Params, context: LoadContext) -> Model:
    """A model that asks the endpoint; trainable when `few_shot` examples are to be drawn from the dev split.

    The proxy variables (HTTPS_PROXY, NO_PROXY) and SSL_CERT_FILE are honoured.
    """
    endpoint = endpoint_of(params, params.provider, context)
    labels = context.classes if params.labels and context.is_labelled else ()
    dialogue = _Completions(params, Form.of(params, context), endpoint, whole=context.is_labelled, labels=labels)
    return remote_chat("chat 1", params, context, dialogue, endpoint.base_url)


class _Completions:
    """A dialogue in OpenAI's words."""

    def __init__(self, params: Params, form: Form, endpoint: Endpoint, *, whole: bool, labels: Sequence[str]) -> None:
        self.form = form
        self._takes_batches = params.provider in _BATCHING
        self.limiter = endpoint.limiter
        self._endpoint = endpoint
        self._whole = whole
        self._labels = labels
        self._stream = params.stream
        self._fixed: dict[str, JSON] = {**params.parameters, "model": params.model, **form.openai()}
        if params.logprobs:
            self._fixed["logprobs"] = True
            if labels and params.top_logprobs:
                self._fixed["top_logprobs"] = params.top_logprobs

    async def ask(self, messages: Sequence[Message]) -> Answer:
        body = self.body(messages)
        if not self._stream:
            return self.read(await self._endpoint.post("/chat/completions", body))
        return await whole_of(self.pieces(messages))

    async def pieces(self, messages: Sequence[Message]) -> AsyncGenerator[str | Answer, None]:
        gathered = Gathered()
        body = self.body(messages) | {"stream": True, "stream_options": {"include_usage": True}}
        async with aclosing(streamed(self._endpoint, "/chat/completions", body, gathered)) as texts:
            async for text in texts:
                yield text
        yield gathered.answer(whole=self._whole, as_json=self.form.schema is not None, labels=self._labels)

    def body(self, messages: Sequence[Message]) -> dict[str, JSON]:
        return {**self._fixed, "messages": list(messages)}

    def read(self, reply: bytes) -> Answer:
        return answer_in(reply, whole=self._whole, as_json=self.form.schema is not None, labels=self._labels)

    def batches(self) -> Batches | None:
        return OpenAIBatches(self._endpoint) if self._takes_batches else None

    async def close(self) -> None:
        await self._endpoint.close()
