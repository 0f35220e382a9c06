"""What a provider lets through in a minute, where the user knows it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Limits"]

_PerMinute = Annotated[float, Meta(gt=0)] | None


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much is asked in a minute at most; None is no limit of the user's own.

    The limits that a provider tells in its headers are kept without being written here.
    """

    requests_per_minute: Annotated[_PerMinute, Meta(description="Requests in a minute, retries included.")] = None
    tokens_per_minute: Annotated[_PerMinute, Meta(description="Tokens in a minute, asked and answered.")] = None
