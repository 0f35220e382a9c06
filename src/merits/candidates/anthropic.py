"""Any chat model behind Anthropic's messages API (`/v1/messages`).

Knows nothing about how requests travel or how replies read.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated

import msgspec

from merits.candidates.anthropic_batches import AnthropicBatches
from merits.candidates.batching import Batches
from merits.candidates.endpoint_params import BaseURL, ModelName, Parameters, endpoint_of, sampling_names
from merits.candidates.forms import Form, FormParams
from merits.candidates.keys_in_recipes import must_hold_no_key
from merits.candidates.messages import GatheredMessage, answer_in, question
from merits.candidates.prompts import FEW_SHOT, Message
from merits.candidates.providers import Endpoint, Provider
from merits.candidates.registry import LoadContext, Space
from merits.candidates.remote import remote_chat, streamed, whole_of
from merits.core.answer import Answer
from merits.core.doors import Model
from merits.core.identity import JSON

__all__ = ["SPACE", "Params", "load", "names_in"]

RUNS_HERE = False
names_in = sampling_names
SPACE: Space = {**FEW_SHOT, "parameters.temperature": [0.0, 0.5, 1.0]}
PROVIDER: Provider = "anthropic"
_RESERVED = ("model", "messages", "system", "stream", "max_tokens", "tools")


class Params(FormParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A chat model behind Anthropic's messages API; its key comes from ANTHROPIC_API_KEY, never from here."""

    model: ModelName
    base_url: BaseURL = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, description="Longest answer; the API wants it told.")] = 1024
    parameters: Parameters = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        must_hold_no_key(self.parameters, PROVIDER, _RESERVED)


def load(params: Params, context: LoadContext) -> Model:
    """A model that asks the endpoint; trainable when `few_shot` examples are to be drawn from the dev split.

    The proxy variables (HTTPS_PROXY, NO_PROXY) and SSL_CERT_FILE are honoured.
    """
    endpoint = endpoint_of(params, PROVIDER, context, dialect="anthropic")
    dialogue = _Messages(params, Form.of(params, context), endpoint)
    return remote_chat("anthropic 1", params, context, dialogue, endpoint.base_url)


class _Messages:
    """A dialogue in Anthropic's words."""

    def __init__(self, params: Params, form: Form, endpoint: Endpoint) -> None:
        self.form = form
        self.limiter = endpoint.limiter
        self._endpoint = endpoint
        self._stream = params.stream
        self._fixed: dict[str, JSON] = {
            **form.anthropic(thinking=_thinks(params.parameters)),
            **params.parameters,
            "model": params.model,
            "max_tokens": params.max_tokens,
        }

    async def ask(self, messages: Sequence[Message]) -> Answer:
        body = self.body(messages)
        if not self._stream:
            return self.read(await self._endpoint.post("/messages", body))
        return await whole_of(self.pieces(messages))

    async def pieces(self, messages: Sequence[Message]) -> AsyncGenerator[str | Answer, None]:
        gathered = GatheredMessage()
        body = self.body(messages) | {"stream": True}
        async with aclosing(streamed(self._endpoint, "/messages", body, gathered)) as texts:
            async for text in texts:
                yield text
        yield gathered.answer(as_json=self.form.schema is not None)

    def body(self, messages: Sequence[Message]) -> dict[str, JSON]:
        return {**self._fixed, **question(messages)}

    def read(self, reply: bytes) -> Answer:
        return answer_in(reply, as_json=self.form.schema is not None)

    def batches(self) -> Batches | None:
        return AnthropicBatches(self._endpoint)

    async def close(self) -> None:
        await self._endpoint.close()


def _thinks(parameters: Mapping[str, JSON]) -> bool:
    thinking = parameters.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") != "disabled"
