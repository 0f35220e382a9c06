"""Which models an endpoint offers (`/v1/models`), as OpenAI and as Anthropic list them.

Knows nothing about what they cost or how well they answer.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from merits.candidates.meter import AskFailed
from merits.candidates.providers import Endpoint
from merits.core.answer import Failure
from merits.core.errors import ProviderError
from merits.core.secrets import shown

__all__ = ["Offered", "offered", "offered_in"]

_MOST_PAGES = 100


class Offered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that an endpoint offers. `created` is a day (2026-11-25), "" where it is not told."""

    id: str
    name: str = ""
    owner: str = ""
    created: str = ""


class _Model(msgspec.Struct):
    id: str
    display_name: str = ""
    owned_by: str = ""
    created: int | float | str | None = None
    created_at: str = ""


class _Page(msgspec.Struct):
    data: list[_Model]
    has_more: bool = False
    last_id: str | None = None


def offered_in(reply: bytes) -> tuple[list[Offered], str]:
    """The models on one page, and after which the next page begins ("" on the last).

    >>> offered_in(b'{"data": [{"id": "small", "created": 1700000000, "owned_by": "us"}]}')
    ([Offered(id='small', name='', owner='us', created='2023-11-14')], '')
    """
    try:
        page = msgspec.json.decode(reply, type=_Page)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        said = shown(reply, 100)
        raise AskFailed(Failure("server_error", f"{said!r} is no list of models: {problem}")) from None
    found = [Offered(each.id, each.display_name, each.owned_by, _day(each)) for each in page.data]
    return found, (page.last_id or "") if page.has_more else ""


def _day(model: _Model) -> str:
    if isinstance(model.created, int | float) and 0 < model.created < 1e11:
        return datetime.fromtimestamp(model.created, UTC).date().isoformat()
    return model.created_at[:10]


async def offered(endpoint: Endpoint, *, timeout_s: float = 30.0) -> tuple[Offered, ...]:
    """What the endpoint offers, sorted by id. Raises ProviderError, with the next step, where it does not say."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _all_pages(endpoint)
    except TimeoutError:
        raise ProviderError(
            f"{endpoint.base_url} did not answer within {timeout_s:g} s.", "Check the address."
        ) from None
    except AskFailed as problem:
        raise ProviderError(
            f"{endpoint.base_url} did not say which models it offers: {problem.failure.message.rstrip('.')}.",
            "Check the address, the key and the network; some servers do not list their models.",
        ) from None
    finally:
        await endpoint.close()


async def _all_pages(endpoint: Endpoint) -> tuple[Offered, ...]:
    found: dict[str, Offered] = {}
    after = ""
    for _ in range(_MOST_PAGES):
        more, after = offered_in(
            await endpoint.get(f"/models?after_id={quote(after, safe='')}" if after else "/models")
        )
        found |= {each.id: each for each in more}
        if not after:
            break
    return tuple(found[name] for name in sorted(found))
