"""Where remote models are: addresses, keys, and what a provider's refusal means.

Knows nothing about what is asked or how an answer reads; deadlines, retries and waiting are the meter's business.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from copy import copy
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from merits.candidates.limiter import limiter_for
from merits.candidates.meter import AskFailed
from merits.candidates.rate_headers import retry_after_s
from merits.candidates.secret_paths import hide_path
from merits.candidates.wire import Body, Connection, Part
from merits.core.answer import NO_USAGE, Answer, Failure, FailureKind, Usage
from merits.core.errors import CandidateError
from merits.core.secrets import redact, register, shown

__all__ = [
    "BASE_URLS",
    "PROVIDERS",
    "ContentRefused",
    "Dialect",
    "Endpoint",
    "Provider",
    "base_url_of",
    "error_message",
    "kind_of_status",
    "refuses",
]

Provider: TypeAlias = Literal[
    "openai", "anthropic", "google", "mistral", "groq", "openrouter", "together", "deepseek", "xai", "ollama", "vllm"
]
Dialect: TypeAlias = Literal["openai", "anthropic"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
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
_ANTHROPIC_VERSION = "2023-06-01"
_ASKED_AT = ("/chat/completions", "/messages", "/embeddings", "/audio/transcriptions", "/images/generations")
_REFUSED = ("content_filter", "content_policy_violation", "moderation_blocked")  # Azure's, and OpenAI's for pictures


class ContentRefused(AskFailed):
    """A provider's filter refused the question: that is an answer (a refusal), not a failure to ask."""

    @property
    def answer(self) -> Answer:
        """The refusal as an answer. What the filter read may be on the bill."""
        return Answer(self.failure.message, usage=self.usage, refused=True, finish_reason="content_filter")


def base_url_of(provider: Provider, base_url: str, env: Mapping[str, str]) -> str:
    """The endpoint without a trailing slash: the given one, else <PROVIDER>_BASE_URL, else the provider's own.

    A bare host gets `/v1`. CandidateError for what is no address, or holds a secret.

    >>> base_url_of("openai", "", {"OPENAI_BASE_URL": "http://localhost:8080/"})
    'http://localhost:8080/v1'
    """
    url = (base_url or env.get(f"{provider.upper()}_BASE_URL") or BASE_URLS[provider]).rstrip("/")
    for path in _ASKED_AT:
        url = url.removesuffix(path)
    hide_path(url)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CandidateError(f"{redact(url)!r} is no address.", "Write base_url like https://host/v1.")
    if "@" in parts.netloc or parts.query or parts.fragment:  # not shown: it may hold a secret
        raise CandidateError(
            "base_url holds a user name, a password or a query.",
            f"Write the plain address, like https://host/v1, and put the key into {provider.upper()}_API_KEY.",
        )
    return url if parts.path else f"{url}/v1"


class Endpoint:
    """Where questions go: one address, one key, in the words of one dialect. Opened by the first question.

    `limiter` is that of `model` at this address: it hears what each reply says of limits. Whatever keeps a reply from
    coming raises AskFailed with the right kind of failure.
    """

    def __init__(
        self,
        provider: Provider,
        base_url: str,
        env: Mapping[str, str],
        *,
        model: str = "",
        timeout_s: float | None = None,
        asks: bool = True,
        dialect: Dialect = "openai",
    ) -> None:
        self.base_url = base_url_of(provider, base_url, env)
        self._variable = f"{provider.upper()}_API_KEY"
        key = env.get(self._variable, "")
        if asks and not key and self.base_url == BASE_URLS[provider] and provider not in _KEYLESS:
            raise CandidateError(
                f"{self._variable} is not set.", "Set it in the environment, or in a file .env beside the task file."
            )
        register(key)
        self._has_key = bool(key)
        self.limiter = limiter_for(self.base_url, model)
        self._connection = Connection(self.base_url, _headers(dialect, key), env=env, timeout_s=timeout_s)

    async def post(self, path: str, body: Body) -> bytes:
        """The provider's reply to a question, as it came."""
        status, headers, data = await self._connection.post(path, body)
        return self._good(status, headers, data)

    async def post_form(self, path: str, fields: Mapping[str, str], files: Mapping[str, Part]) -> bytes:
        """The provider's reply to a form with files."""
        status, headers, data = await self._connection.post_form(path, fields, files)
        return self._good(status, headers, data)

    async def get(self, path: str) -> bytes:
        """What stands at a path."""
        status, headers, data = await self._connection.get(path)
        return self._good(status, headers, data)

    async def events(self, path: str, body: Body) -> AsyncGenerator[bytes, None]:
        """The data of each server-sent event, as they come; the whole reply of a server that does not stream.

        A stream that breaks off raises AskFailed; one that ends too early does not: its reader knows what must come.
        """
        async with self._connection.stream(path, body) as reply:
            if reply.status >= 300:
                self._good(reply.status, reply.headers, await reply.read())
            self.limiter.heard(reply.status, reply.headers)
            if "json" in reply.headers.get("content-type", ""):
                yield await reply.read()
                return
            async for line in reply.lines():
                if line.startswith(b"data:"):
                    yield line[5:].strip()

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """The lines that stand at a path, one by one, without empty ones."""
        async with self._connection.stream(path) as reply:
            if reply.status >= 300:
                self._good(reply.status, reply.headers, await reply.read())
            async for line in reply.lines():
                if line.strip():
                    yield line

    def patient(self, timeout_s: float) -> Endpoint:
        """The same endpoint with another deadline, and connections of its own."""
        other = copy(self)
        other._connection = self._connection.patient(timeout_s)
        return other

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._connection.close()

    def _good(self, status: int, headers: Mapping[str, str], data: bytes) -> bytes:
        self.limiter.heard(status, headers)
        if status < 300:
            return data
        text = data.decode(errors="replace")
        if refuses(status, text):
            raise ContentRefused(Failure("bad_request", error_message(text)), Usage(unmetered=1))
        raise AskFailed(self._failure(status, text, headers), NO_USAGE)

    def _failure(self, status: int, text: str, headers: Mapping[str, str]) -> Failure:
        kind = kind_of_status(status)
        said = f"{status}: {error_message(text) or redact(f'without a word, from {self.base_url}')}"
        if status == 404 and not text.strip():
            said += " (an address ends like https://host/v1)"
        if kind == "unauthorised":
            said = said if said.endswith((".", "!", "?")) else f"{said}."
            said += f" Check {self._variable}." if self._has_key else f" {self._variable} is not set."
        return Failure(kind, said, retry_after_s(headers))


def kind_of_status(status: int) -> FailureKind:
    """The kind of failure that an HTTP status means; of a reply with a good one, that it could not be read.

    >>> [kind_of_status(status) for status in (429, 529, 403, 404, 200)]
    ['rate_limited', 'rate_limited', 'unauthorised', 'bad_request', 'server_error']
    """
    named: dict[int, FailureKind] = {
        401: "unauthorised",
        403: "unauthorised",
        408: "timeout",
        429: "rate_limited",
        529: "rate_limited",  # Anthropic is overloaded
    }
    return named.get(status, "bad_request" if 300 <= status < 500 else "server_error")


def _headers(dialect: Dialect, key: str) -> dict[str, str]:
    if dialect == "anthropic":
        return {"anthropic-version": _ANTHROPIC_VERSION, **({"x-api-key": key} if key else {})}
    return {"Authorization": f"Bearer {key}"} if key else {}


def _error_in(text: str) -> object:
    """The error object or text of a reply: {"error": ...} or a list of one (Google), else the reply itself."""
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(reply, list) and reply:
        reply = reply[0]
    return (reply.get("error") or reply) if isinstance(reply, dict) else reply


def refuses(status: int, text: str) -> bool:
    """Whether an error says that a filter refused the question.

    >>> refuses(400, '{"error": {"code": "content_filter"}}'), refuses(400, '{"error": {"code": "no_model"}}')
    (True, False)
    """
    return status == 400 and _code(text) in _REFUSED


def _code(text: str) -> object:
    error = _error_in(text)
    return error.get("code") if isinstance(error, dict) else None


def error_message(text: str) -> str:
    """What a provider says went wrong, redacted, at most 300 characters.

    >>> error_message('{"error": {"message": "no such model"}}'), error_message("<h1>Bad  Gateway</h1>")
    ('no such model', '<h1>Bad Gateway</h1>')
    """
    error = _error_in(text)
    if error is None:
        return shown(" ".join(text.split()), 300)
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return shown(str(message if message is not None else text), 300)
