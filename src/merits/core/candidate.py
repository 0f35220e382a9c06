"""A candidate is a recipe: what could answer, never the live thing that does."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from merits.core.identity import JSON, content_hash
from merits.core.limits import Limits

__all__ = ["Candidate", "Price"]

Amount = Annotated[float, Meta(ge=0)] | None


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an answer costs, in `currency`: by token, by call, by hour of machine, or a sum of these.

    Token prices are per million tokens. A price left out (None) is unknown, not free; `0` is free. Where cache or
    reasoning prices are unknown they follow the provider habit: a cached read is billed as input, reasoning as
    output. `as_of` dates the price and `source` says where it is from. `one_off` and `per_month` are paid whatever
    is asked; needs with a volume spread them over the cases.
    """

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Three letters: USD, EUR.")] = "USD"
    input_per_million: Annotated[Amount, Meta(description="Per million uncached input tokens.")] = None
    output_per_million: Annotated[Amount, Meta(description="Per million output tokens.")] = None
    cache_read_per_million: Annotated[Amount, Meta(description="Per million input tokens read from a cache.")] = None
    cache_write_per_million: Annotated[Amount, Meta(description="Per million input tokens written to a cache.")] = None
    reasoning_per_million: Annotated[Amount, Meta(description="Per million reasoning tokens.")] = None
    per_call: Annotated[Amount, Meta(description="Per attempt.")] = None
    machine_per_hour: Annotated[Amount, Meta(description="Per hour of the machine, for measured seconds.")] = None
    one_off: Annotated[Amount, Meta(description="Once: labelling, training, setting up.")] = None
    per_month: Annotated[Amount, Meta(description="Every month: a rented machine, a licence.")] = None
    as_of: Annotated[str, Meta(description="The date of the price.")] = ""
    source: Annotated[str, Meta(description="Where the price is from.")] = ""

    @property
    def paid_by_use(self) -> bool:
        """Whether every answer costs money by its tokens or by the call.

        >>> Price(per_call=0.01).paid_by_use, Price(machine_per_hour=2.0).paid_by_use
        (True, False)
        """
        return any((self.input_per_million, self.output_per_million, self.per_call))

    @property
    def is_fixed_only(self) -> bool:
        """Whether it says only what is paid whatever is asked, and nothing of an answer.

        >>> Price(one_off=500.0).is_fixed_only, Price(one_off=500.0, per_call=0.01).is_fixed_only
        (True, False)
        """
        by_use = (self.input_per_million, self.output_per_million, self.cache_read_per_million)
        more = (self.cache_write_per_million, self.reasoning_per_million, self.per_call, self.machine_per_hour)
        return all(rate is None for rate in (*by_use, *more))


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
