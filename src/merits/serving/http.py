"""One request as it comes and what goes back: bodies within bounds, JSON, and answers as ASGI wants them.

Knows nothing about keys, releases or endpoints.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from merits.core.validate import Misfit, misfit
from merits.serving.overdue import Overdue
from merits.serving.refusals import Refusal
from merits.serving.request_ids import new_id, ours, sane

if TYPE_CHECKING:
    from merits.serving.keys import Holder
    from merits.serving.protocol import Exchange

__all__ = ["JSON_TYPE", "Bodies", "Call", "Receive", "Response", "Scope", "Send", "decoded", "respond"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
T = TypeVar("T")

JSON_TYPE = b"application/json"
_LONGEST_NAME = 160
_SINGLE = frozenset({b"authorization", b"content-length", b"content-type", b"host", b"x-request-id"})
_HEAD = (
    b"content-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
    b"x-content-type-options: nosniff\r\ncache-control: no-store\r\n"
)
_SECURE: list[tuple[bytes, bytes]] = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Call:
    """A request. `arrived` is of the monotonic clock, `at` UNIX seconds; `request` is its id, which begins with the
    one that the client gave, if it did.

    Raises Refusal 400 where a header that decides something is there twice: proxies disagree on which one counts.
    """

    __slots__ = (
        "arm",
        "arrived",
        "at",
        "client",
        "cost",
        "exchange",
        "failure",
        "headers",
        "holder",
        "method",
        "path",
        "receive",
        "release",
        "request",
        "scope",
        "send",
        "status",
        "task",
        "waits",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, at: float) -> None:
        self.arrived, self.at = time.monotonic(), at
        self.scope, self.receive, self.send = scope, receive, send
        # Out of the scope, for it leads back there: what stays in a ring waits for the garbage collector.
        self.exchange: Exchange | None = scope.pop("merits.exchange", None)
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        client = scope.get("client")
        self.client: str = client[0] if client else ""
        raw = scope["headers"]
        self.headers: dict[bytes, bytes] = dict(raw)
        given = self.headers.get(b"x-request-id")
        self.request = ours(given) if given is not None and sane(given) else new_id()
        self.waits = asyncio.current_task()
        self.holder: Holder | None = None
        self.status = 0
        self.task = self.arm = self.failure = ""
        self.release = 0
        self.cost: float | None = None
        if len(self.headers) != len(raw):
            self._refuse_doubles(raw)

    def _refuse_doubles(self, raw: Headers) -> None:
        seen: set[bytes] = set()
        for name, _ in raw:
            if name in seen and name in _SINGLE:
                raise Refusal(400, "duplicate_header", f"The header {name.decode('latin-1')} is there twice.")
            seen.add(name)

    @property
    def content_type(self) -> bytes:
        """The type of the body, in lower case and without parameters."""
        return self.headers.get(b"content-type", JSON_TYPE).partition(b";")[0].strip().lower()

    async def body(self, bodies: Bodies, most: int) -> bytes:
        """The whole body. Refusal 413 when it is longer than that, 408 when it takes too long, 503 where others' bodies
        are too many.
        """
        length = self.headers.get(b"content-length")
        if length is not None and (not length.isdigit() or len(length) > 18):
            raise Refusal(400, "content_length", "The header content-length is no number.")
        if length is not None and int(length) > most:
            raise too_long(most)
        whole = self.exchange.body() if self.exchange is not None else None
        if whole is not None:
            if len(whole) > most:
                raise too_long(most)
            return whole
        try:
            return await bodies.overdue.wait(self.arrived + bodies.seconds, self._read(bodies, most), self.waits)
        except TimeoutError:
            raise Refusal(408, "slow_body", f"The body did not arrive within {bodies.seconds:g} s.") from None

    async def _read(self, bodies: Bodies, most: int) -> bytes:
        parts: list[bytes] = []
        length, more = 0, True
        try:
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                parts.append(message.get("body", b""))
                length += len(parts[-1])
                bodies.n_bytes += len(parts[-1])
                if length > most:
                    raise too_long(most)
                if bodies.n_bytes > bodies.most_bytes:
                    raise Refusal(503, "busy", "Too many long bodies are arriving; try again later.", retry_after_s=2.0)
                more = message.get("more_body", False)
        finally:
            bodies.n_bytes -= length
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Bodies:
    """How bodies may arrive: each within so many seconds, and no more than so many bytes of all that are on the way."""

    __slots__ = ("most_bytes", "n_bytes", "overdue", "seconds")

    def __init__(self, overdue: Overdue, seconds: float, most_bytes: int) -> None:
        self.overdue, self.seconds, self.most_bytes = overdue, seconds, most_bytes
        self.n_bytes = 0


def too_long(most: int) -> Refusal:
    """What is said to a body that is too long."""
    return Refusal(413, "body_too_long", f"The body is longer than {most} bytes.")


class Response:
    """What goes back in one piece."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(self, body: bytes, status: int = 200, headers: Headers = (), content_type: bytes = JSON_TYPE) -> None:
        self.body, self.status, self.headers, self.content_type = body, status, headers, content_type


async def respond(call: Call, response: Response, more: Headers = ()) -> None:
    """Sends a response, with the id of the request."""
    body, status = response.body, response.status
    call.status = status
    headers = [*response.headers, *more]
    if status in (400, 408, 413):
        headers.append((b"connection", b"close"))  # whatever still comes of it is not read
    request = call.request.encode()
    if call.exchange is not None:
        head = _HEAD % (response.content_type, len(body), request)
        if headers:
            head += b"".join([b"%b: %b\r\n" % header for header in headers])
        if call.exchange.reply(status, head, body):
            return
    whole = [(b"content-type", response.content_type), (b"content-length", b"%d" % len(body))]
    whole += [(b"x-request-id", request), *_SECURE, *headers]
    await call.send({"type": "http.response.start", "status": status, "headers": whole})
    await call.send({"type": "http.response.body", "body": body})


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """What a body of JSON says. Refusal 400 naming the field that is wrong, and the words that it may be."""
    try:
        return decode(body)
    except msgspec.ValidationError as problem:
        text = str(problem)
        what, _, where = text.partition(" - at `$")
        param = where.rstrip("`").lstrip(".")[:_LONGEST_NAME] or None
        meant = _meant(decode, body, what) if len(what) <= _LONGEST_NAME else None
        if len(what) > _LONGEST_NAME:  # it has the name of a field, which may be of a megabyte
            what = f"{what[:_LONGEST_NAME]}..."
        if meant is not None:
            param = ".".join(map(str, meant.place)) or None
            told = f"{meant.text().rstrip('.')}. {meant.next_step}"
            raise Refusal(400, "invalid_value", told[0].upper() + told[1:], param=param) from None
        raise Refusal(400, "invalid_value", f"{what}{f' (at {param})' if param else ''}.", param=param) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Refusal(400, "invalid_json", f"The body is not JSON: {problem}.") from None


def _meant(decode: Callable[[bytes], T], body: bytes, what: str) -> Misfit | None:
    """For an unknown field or word, which there are."""
    decoder = getattr(decode, "__self__", None)
    if not what.startswith(("Invalid enum value", "Object contains unknown field")) or decoder is None:
        return None
    return misfit(msgspec.json.decode(body), decoder.type)


def query_of(call: Call) -> Mapping[str, str]:
    """The parameters behind the question mark; of several of a name the last counts."""
    from urllib.parse import parse_qsl

    return dict(parse_qsl(call.scope.get("query_string", b"").decode("latin-1"), max_num_fields=50))
