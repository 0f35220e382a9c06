"""A candidate is a recipe: what could answer, never the live thing that does."""

from __future__ import annotations

import msgspec

from merits.core.identity import JSON, content_hash
from merits.core.limits import Limits
from merits.core.price import Price

__all__ = ["Candidate", "Price"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recipe: its kind, its parameters, and the candidates it is made of.

    `id` is the hash of kind, parameters and parts. The name, the price, the metadata (licence, where it runs) and
    what may be asked in a minute (`limits`; None for the task's) are not in it: renaming or re-pricing a candidate asks
    nothing again.

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
    limits: Limits | None = None
    id: str = ""

    def __post_init__(self) -> None:
        identity = content_hash([self.kind, self.params, [part.id for part in self.parts]])
        msgspec.structs.force_setattr(self, "id", identity)
