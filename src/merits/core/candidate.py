"""A candidate is a recipe: what could answer, never the live thing that does."""

from __future__ import annotations

import msgspec

from merits.core.identity import JSON, content_hash

__all__ = ["Candidate", "Price"]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer costs, in `currency`: by token, by call, by hour of machine, or a sum of these.

    Token prices are per million tokens. A price left out (None) is unknown, not free; `0` is free. Where cache or
    reasoning prices are unknown they follow the provider habit: a cached read is billed as input, reasoning as
    output. `as_of` dates the price and `source` says where it is from.
    """

    currency: str = "USD"
    input_per_million: float | None = None
    output_per_million: float | None = None
    cache_read_per_million: float | None = None
    cache_write_per_million: float | None = None
    reasoning_per_million: float | None = None
    per_call: float | None = None
    machine_per_hour: float | None = None
    as_of: str = ""
    source: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recipe: its kind, its parameters, and the candidates it is made of.

    `id` is the hash of kind, parameters and parts. The name, the price and the metadata (licence, where it runs)
    are not in it: renaming or re-pricing a candidate asks nothing again.

    >>> a = Candidate(name="a", kind="chat", params={"model": "m"})
    >>> b = Candidate(name="b", kind="chat", params={"model": "m"}, price=Price(per_call=0.01))
    >>> a.id == b.id
    True
    """

    name: str
    kind: str
    params: dict[str, JSON] = {}
    parts: tuple[Candidate, ...] = ()
    price: Price | None = None
    metadata: dict[str, JSON] = {}
    id: str = ""

    def __post_init__(self) -> None:
        identity = content_hash([self.kind, self.params, [part.id for part in self.parts]])
        msgspec.structs.force_setattr(self, "id", identity)
