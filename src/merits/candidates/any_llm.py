"""Chat models of any other provider (Bedrock, Vertex, Cohere, watsonx, ...), through the package `any-llm-sdk`.

Why that one (measured in November 2026): it answers in OpenAI's shape with usage normalised, so that nothing is read
twice; it is kept by Mozilla.ai (Apache-2.0, typed, 58 providers), and sends no telemetry unless its platform is asked
for. Beside it: aisuite (0.2) is younger, pydantic-ai-slim (70 MB with what it needs) brings agents and tracing, and
LiteLLM fetches at import. It is for reach, not for speed: 106 MB with what it needs, seconds to import, and 5.1 ms of
CPU a call where the kind `chat` takes 0.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import msgspec

from merits.candidates.completions import Gathered, answer_in
from merits.candidates.endpoint_params import ModelName, Parameters, sampling_names
from merits.candidates.environment import environment
from merits.candidates.forms import Form, FormParams
from merits.candidates.imports import versions
from merits.candidates.keys_in_recipes import must_hold_no_key
from merits.candidates.limiter import limiter_for
from merits.candidates.meter import AskFailed
from merits.candidates.prompts import FEW_SHOT, Message
from merits.candidates.providers import ContentRefused, kind_of_status
from merits.candidates.rate_headers import retry_after_s
from merits.candidates.registry import LoadContext, Space
from merits.candidates.remote import remote_chat
from merits.core.answer import NO_USAGE, Answer, Failure, FailureKind, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError, MissingExtra
from merits.core.secrets import redact, register

__all__ = ["SPACE", "Params", "load", "names_in"]

RUNS_HERE = False
names_in = sampling_names
SPACE: Space = {**FEW_SHOT, "parameters.temperature": [0.0, 0.5, 1.0]}
_RESERVED = ("model", "provider", "messages", "stream", "stream_options", "n", "tools", "response_format", "api_base")


class Params(FormParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A chat model of any provider that the package any-llm-sdk knows; its key comes from the provider's variable."""

    model: ModelName
    provider: Annotated[str, msgspec.Meta(min_length=1, description="The provider, as any-llm-sdk names it.")]
    base_url: Annotated[
        str, msgspec.Meta(description="The endpoint. Default: <PROVIDER>_BASE_URL, else the provider's own.")
    ] = ""
    parameters: Parameters = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        must_hold_no_key(self.parameters, self.provider, _RESERVED)


def load(params: Params, context: LoadContext) -> Model:
    """A model that asks through any-llm-sdk; trainable when `few_shot` examples are to be drawn from the dev split."""
    env = environment(context)
    base_url = params.base_url or env.get(f"{params.provider.upper()}_BASE_URL", "")
    client = _client(params, base_url, env, asks=context.asks)
    dialogue = _Bridge(params, Form.of(params, context), client, whole=context.is_labelled)
    return remote_chat("any-llm 1", params, context, dialogue, where=[params.provider, base_url, versions("any_llm")])


def _client(params: Params, base_url: str, env: Mapping[str, str], *, asks: bool) -> Any:
    try:
        from any_llm import AnyLLM
        from any_llm.exceptions import AnyLLMError, MissingApiKeyError, UnsupportedProviderError
    except ImportError:
        raise MissingExtra(
            "the kind any-llm needs any-llm-sdk, which is not installed.", "Install it: pip install 'merits[any-llm]'"
        ) from None
    try:
        key = env.get(AnyLLM.get_provider_class(params.provider).ENV_API_KEY_NAME) or None
        register(key or "")
        where: dict[str, Any] = {
            "api_key": key if asks else key or "none is needed",
            "api_base": base_url or None,
            "unified_exceptions": True,
        }
        try:
            return AnyLLM.create(params.provider, **where, max_retries=0)  # trying again is the meter's business
        except TypeError:  # a client that does not try again by itself
            return AnyLLM.create(params.provider, **where)
    except MissingApiKeyError as problem:
        raise CandidateError(
            f"{problem.env_var_name} is not set.", "Set it in the environment, or in a file .env beside the task file."
        ) from None
    except UnsupportedProviderError as problem:
        raise CandidateError(f"any-llm-sdk knows no provider {params.provider!r}: {problem}.") from None
    except ImportError as problem:
        raise MissingExtra(
            f"the provider {params.provider!r} needs more: {problem}",
            f"Install it: pip install 'any-llm-sdk[{params.provider}]'",
        ) from None
    except AnyLLMError as problem:
        raise CandidateError(redact(f"any-llm-sdk: {problem}.")) from None


class _Bridge:
    """A dialogue through any-llm-sdk, whose replies are in OpenAI's shape."""

    def __init__(self, params: Params, form: Form, client: Any, *, whole: bool) -> None:
        self.form = form
        self.limiter = limiter_for(f"any-llm {params.provider}", params.model)
        self._whole = whole
        self._client = client
        self._stream = params.stream
        self._fixed: dict[str, Any] = {**params.parameters, **form.openai(), "model": params.model}

    async def ask(self, messages: Sequence[Message]) -> Answer:
        from any_llm.exceptions import AnyLLMError

        try:
            reply = await self._client.acompletion(**self.body(messages), **_streaming(self._stream))
            if not self._stream:
                return self.read(reply.model_dump_json().encode())
            gathered = Gathered()
            async for chunk in reply:
                gathered.take(chunk.model_dump_json().encode())
        except AnyLLMError as problem:
            raise _told(problem) from None
        return gathered.answer(whole=self._whole, as_json=self.form.schema is not None)

    def body(self, messages: Sequence[Message]) -> dict[str, Any]:
        return {**self._fixed, "messages": list(messages)}

    def read(self, reply: bytes) -> Answer:
        return answer_in(reply, whole=self._whole, as_json=self.form.schema is not None)

    def batches(self) -> None:
        """None: batches differ from provider to provider, and any-llm-sdk hides too little of that."""

    async def close(self) -> None:
        """Closes the connections, where the provider's client has any."""
        client = getattr(self._client, "client", None)
        with suppress(AttributeError, TypeError):
            closing = client.close()  # type: ignore[union-attr]
            if asyncio.iscoroutine(closing):
                await closing


def _streaming(stream: bool) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if stream else {}


def _told(problem: Any) -> AskFailed:
    """What any-llm-sdk raised, as what it means here."""
    status = problem.status_code
    said = redact(f"{status}: {problem.message}" if status else f"{problem.message}")
    if type(problem).__name__ == "ContentFilterError":
        return ContentRefused(Failure("bad_request", said), Usage(unmetered=1))
    if status is not None:
        unmetered = Usage(unmetered=1) if status < 300 else NO_USAGE  # a reply that could not be read
        return AskFailed(Failure(kind_of_status(status), said, retry_after_s(_headers(problem))), unmetered)
    name = type(problem.original_exception).__name__.casefold()
    kind: FailureKind = "timeout" if "timeout" in name else "connection" if "connect" in name else "raised"
    return AskFailed(Failure(kind, said), Usage(unmetered=1))


def _headers(problem: Any) -> dict[str, str]:
    told = getattr(problem, "retry_after", None)
    return {"retry-after": str(told)} if told else {}
