"""Any chat model behind an OpenAI-compatible endpoint (`/v1/chat/completions`).

What the provider says went wrong is told apart here; deadlines, retries and waiting are the meter's business.
"""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from merits.candidates.batch_wire import SessionWire
from merits.candidates.batching import Batches
from merits.candidates.environment import environment
from merits.candidates.meter import AskFailed
from merits.candidates.openai_batches import OpenAIBatches
from merits.candidates.prompts import Prompt, PromptParams, chosen
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Failure, FailureKind, Usage
from merits.core.doors import Model
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.secrets import redact, register
from merits.core.task import Example

if TYPE_CHECKING:
    import aiohttp

__all__ = ["BASE_URLS", "ChatModel", "Endpoint", "FewShotChatModel", "Params", "answer_of", "load", "usage_of"]

Provider: TypeAlias = Literal[
    "openai", "anthropic", "google", "mistral", "groq", "openrouter", "together", "deepseek", "xai", "ollama", "vllm"
]
BASE_URLS: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta/openai",
    "mistral": "https://api.mistral.ai/v1",
    "groq": "https://api.groq.com/openai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "together": "https://api.together.xyz/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "xai": "https://api.x.ai/v1",
    "ollama": "http://localhost:11434/v1",
    "vllm": "http://localhost:8000/v1",
}
_KEYLESS = ("ollama", "vllm")
BATCHING = ("openai", "groq")  # those that offer OpenAI's batches at the same address
_RESERVED = ("model", "messages", "stream", "n", "logprobs")


class Params(PromptParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A chat model behind an OpenAI-compatible endpoint; its key comes from <PROVIDER>_API_KEY, never from here."""

    model: Annotated[str, msgspec.Meta(min_length=1, description="The model's name, as the provider writes it.")]
    provider: Annotated[Provider, msgspec.Meta(description="Whose endpoint, and which variables to read.")] = "openai"
    base_url: Annotated[
        str, msgspec.Meta(description="The endpoint up to /v1. Default: <PROVIDER>_BASE_URL, else the provider's own.")
    ] = ""
    parameters: Annotated[
        dict[str, JSON], msgspec.Meta(description="Sent with each question: temperature, max_tokens, and so on.")
    ] = {}
    logprobs: Annotated[
        bool, msgspec.Meta(description="Ask for token probabilities and read a confidence from them.")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in _RESERVED:
            if name in self.parameters:
                raise ValueError(f"parameters: {name!r} is not to be set there")
        for name in self.parameters:
            if name.lower().replace("-", "_") in ("api_key", "authorization"):
                raise ValueError(f"parameters: a key must not stand in a recipe; set {self.provider.upper()}_API_KEY")


def load(params: Params, context: LoadContext) -> Model:
    """A model that asks the endpoint; trainable when `few_shot` examples are to be drawn from the dev split.

    The proxy variables (HTTPS_PROXY, NO_PROXY) and SSL_CERT_FILE are honoured.
    """
    env = environment(context)
    endpoint = Endpoint(params, _base_url(params, env), env)
    return (FewShotChatModel if params.few_shot else ChatModel)(params, context, endpoint)


def _base_url(params: Params, env: Mapping[str, str]) -> str:
    """The endpoint without a trailing slash; a bare host gets `/v1`."""
    variable = f"{params.provider.upper()}_BASE_URL"
    url = (params.base_url or env.get(variable) or BASE_URLS[params.provider]).rstrip("/")
    url = url.removesuffix("/chat/completions")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CandidateError(f"{redact(url)!r} is no address.", "Write base_url like https://host/v1.")
    if "@" in parts.netloc or parts.query or parts.fragment:  # not shown: it may hold a secret
        raise CandidateError(
            "base_url holds a user name, a password or a query.",
            f"Write the plain address, like https://host/v1, and put the key into {params.provider.upper()}_API_KEY.",
        )
    return url if parts.path else f"{url}/v1"


class Endpoint:
    """Where questions go: one address, one key, one session of connections that is opened by the first question."""

    def __init__(self, params: Params, base_url: str, env: Mapping[str, str]) -> None:
        variable = f"{params.provider.upper()}_API_KEY"
        key = env.get(variable, "")
        if not key and base_url == BASE_URLS[params.provider] and params.provider not in _KEYLESS:
            raise CandidateError(
                f"{variable} is not set.", "Set it in the environment, or in a file .env beside the task file."
            )
        register(key)
        self.base_url = base_url
        self._variable = variable
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._certificates = env.get("SSL_CERT_FILE")
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """The provider's JSON reply; AskFailed with the right kind of failure when there is none."""
        import aiohttp

        try:
            session = self._opened()
            async with session.post(f"{self.base_url}/chat/completions", json=body) as reply:
                text = await reply.text(errors="replace")
                if reply.status >= 400:
                    raise AskFailed(self._failure(reply.status, text, reply.headers.get("Retry-After")))
        except (aiohttp.ClientError, OSError) as problem:
            if isinstance(problem, TimeoutError):
                raise
            raise AskFailed(Failure("connection", redact(f"{self.base_url}: {problem}"))) from problem
        return _decoded(text)

    def wire(self) -> SessionWire:
        """The same address, key and connections, for whatever else is to be asked there."""
        return SessionWire(self.base_url, self._opened, self._failure)

    async def close(self) -> None:
        """Closes the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None or self._session.closed:
            secure = self.base_url.startswith("https")
            context = ssl.create_default_context(cafile=self._certificates or None) if secure else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=context),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None),  # the meter keeps the deadline
                trust_env=True,
            )
        return self._session

    def _failure(self, status: int, text: str, retry_after: str | None) -> Failure:
        said = f"{status}: {redact(_error_message(text))}"
        kind: FailureKind = "bad_request"
        if status in (401, 403):
            step = f"Check {self._variable}." if self._headers else f"{self._variable} is not set."
            kind, said = "unauthorised", f"{said} {step}"
        elif status == 429:
            kind = "rate_limited"
        elif status == 408:
            kind = "timeout"
        elif status >= 500:
            kind = "server_error"
        return Failure(kind, said, _seconds(retry_after))


def _decoded(text: str) -> Mapping[str, JSON]:
    try:
        reply = json.loads(text)
    except ValueError:
        raise AskFailed(Failure("server_error", f"the reply is not JSON: {redact(text[:200])!r}")) from None
    if not isinstance(reply, dict):
        raise AskFailed(Failure("server_error", f"the reply is not an object: {redact(text[:200])!r}"))
    return reply


def _error_message(text: str) -> str:
    """What a provider says went wrong: {"error": {"message": ...}}, {"error": ...}, {"message": ...} or plain text."""
    try:
        reply = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:300]
    if isinstance(reply, list) and reply:
        reply = reply[0]
    error = reply.get("error", reply) if isinstance(reply, dict) else reply
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return str(message if message is not None else text)[:300]


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After as seconds: given so, or as a date (RFC 9110, section 10.2.3). None when it is neither."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


class ChatModel:
    """A chat model that is asked with the given prompt."""

    concurrency = None

    def __init__(self, params: Params, context: LoadContext, endpoint: Endpoint) -> None:
        self._params = params
        self._context = context
        self._endpoint = endpoint
        self._prompt: Prompt | None = Prompt(params, context)
        labels = context.classes if params.labels and context.task_kind == "classification" else ()
        drawn_with = context.seed if params.few_shot else None
        self.fingerprint = content_hash(["chat 1", endpoint.base_url, labels, drawn_with])

    async def answer(self, input: JSON) -> Answer:
        """What the model says, as it says it."""
        return self.answer_of(await self._endpoint.post(self.body(input)))

    def body(self, input: JSON) -> Mapping[str, JSON]:
        """What is sent to ask one question."""
        if self._prompt is None:
            raise RuntimeError("asked before it was fitted")
        body: dict[str, JSON] = {**self._params.parameters, "model": self._params.model}
        body["messages"] = self._prompt.messages(input)
        if self._params.logprobs:
            body["logprobs"] = True
        return body

    def answer_of(self, reply: Mapping[str, JSON]) -> Answer:
        """The answer in a reply, whenever that came."""
        return answer_of(reply, whole=self._context.task_kind == "classification")

    def batches(self) -> Batches | None:
        """The provider's batches; None for one that is not known to offer them as OpenAI does."""
        if self._params.provider not in BATCHING:
            return None
        return OpenAIBatches(self._endpoint.wire())

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._endpoint.close()


class FewShotChatModel(ChatModel):
    """A chat model that is shown examples of the dev split."""

    def __init__(self, params: Params, context: LoadContext, endpoint: Endpoint) -> None:
        super().__init__(params, context, endpoint)
        self._prompt = None

    def fit(self, examples: Sequence[Example]) -> None:
        """Choose the examples that are shown."""
        params, context = self._params, self._context
        self._prompt = Prompt(params, context, chosen(examples, params.few_shot, context.seed))


class _Reply(msgspec.Struct):
    """The part of a chat completion that is read, as OpenAI documents it."""

    choices: list[_Choice] = []
    model: str = ""
    usage: dict[str, object] | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None


class _Said(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Part(msgspec.Struct):
    text: str = ""


class _LogProbs(msgspec.Struct):
    content: list[_Token] | None = None


class _Token(msgspec.Struct):
    logprob: float


def answer_of(reply: Mapping[str, JSON], *, whole: bool) -> Answer:
    """The answer in a chat completion; AskFailed ("server_error", which may pass) when it holds none.

    A refusal is an answer: the model was asked and said no. With token probabilities, confidence is the probability
    of the whole answer (`whole`: short labels), or per token, the geometric mean (long texts).
    """
    try:
        read = msgspec.convert(reply, _Reply)
    except msgspec.ValidationError as problem:
        raise AskFailed(Failure("server_error", f"the reply is no chat completion: {problem}")) from None
    if not read.choices:
        raise AskFailed(
            Failure("server_error", f"the reply holds no choices: {redact(_error_message(json.dumps(reply)))}")
        )
    said = read.choices[0].message
    logprobs = read.choices[0].logprobs
    tokens = [token.logprob for token in logprobs.content] if logprobs and logprobs.content else []
    return Answer(
        output=_text(said),
        confidence=_confidence(tokens, whole=whole),
        usage=usage_of(read.usage or {}),
        model=read.model,
    )


def _text(said: _Said) -> str:
    if isinstance(said.content, list):
        return "".join(part.text for part in said.content)
    return said.content if said.content is not None else said.refusal or ""


def _confidence(logprobs: Sequence[float], *, whole: bool) -> float | None:
    if not logprobs:
        return None
    total = math.fsum(logprobs)
    return min(1.0, math.exp(total if whole else total / len(logprobs)))


def usage_of(usage: Mapping[str, object]) -> Usage:
    """The provider's count of tokens, in disjoint kinds whose sum is the total.

    OpenAI counts cached tokens as input and reasoning tokens as output. Some providers (xAI, Google) leave reasoning
    out of the output; then the total is larger than input plus output, and the difference is reasoning.

    >>> usage = usage_of({"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130,
    ...                   "prompt_tokens_details": {"cached_tokens": 60},
    ...                   "completion_tokens_details": {"reasoning_tokens": 20}})
    >>> usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens
    (40, 60, 10, 20)
    """
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    asked, said = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    outside = max(0, _count(usage, "total_tokens") - prompt - completion)
    cached = min(prompt, max(_count(asked, "cached_tokens"), _count(usage, "prompt_cache_hit_tokens")))
    written = min(prompt - cached, _count(asked, "cache_write_tokens"))
    heard = min(prompt - cached - written, _count(asked, "audio_tokens"))
    seen = min(prompt - cached - written - heard, _count(asked, "image_tokens"))
    spoken = min(completion, _count(said, "audio_tokens"))
    thought = outside or min(completion - spoken, _count(said, "reasoning_tokens"))
    return Usage(
        input_tokens=prompt - cached - written - heard - seen,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=completion - spoken - (0 if outside else thought),
        reasoning_tokens=thought,
        audio_tokens=heard + spoken,
        image_tokens=seen,
    )


def _count(usage: Mapping[str, object], name: str) -> int:
    value = usage.get(name)
    return max(0, int(value)) if isinstance(value, int | float) else 0


def _details(usage: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = usage.get(name)
    return value if isinstance(value, Mapping) else {}
