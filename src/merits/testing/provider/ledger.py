"""What a provider would put on its bill: every request, its tokens by kind, and the money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields

from merits.core.candidate import Price

__all__ = ["Billing", "Entry", "Ledger", "money"]


@dataclass(frozen=True, slots=True)
class Billing:
    """Tokens of one reply in disjoint kinds: what came from a cache is not in `input`, reasoning not in `output`.

    `cache_write_1h` was written to a cache that lasts an hour; `audio` was heard, `audio_output` spoken.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio: int = 0
    audio_output: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(getattr(self, kind) for kind in _KINDS)


_KINDS = tuple(each.name for each in fields(Billing))
_SAID = ("output", "reasoning", "audio_output")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request: how it was answered, and what of it is on the bill (`billed`: a call and these tokens).

    `service` is how it was served: "batch", or "" for the standard.
    """

    path: str
    model: str
    status: int
    fault: str
    billed: bool
    tokens: Billing
    service: str = ""


class Ledger:
    """The sums of all requests, and with `keep` the entries one by one, in the order in which they were settled.

    `n_requests` came, of which `n_open` are not settled yet; `n_abandoned` clients went away before they were answered;
    `most_at_once` requests were open at one time. Of the calls and tokens on the bill, `n_batched` and `batched` were
    in batches.

    >>> ledger = Ledger(Price(input_per_million=1.0, output_per_million=2.0))
    >>> ledger.opened(), ledger.opened()
    (None, None)
    >>> ledger.settle(Entry("/v1/chat/completions", "m", 200, "", True, Billing(input=1000, output=500)))
    >>> ledger.settle(Entry("/v1/chat/completions", "m", 429, "rate_limit", False, Billing()))
    >>> ledger.n_requests, ledger.n_billed, ledger.tokens["output"], ledger.money
    (2, 1, 500, 0.002)
    """

    def __init__(self, rates: Price | None = None, *, keep: bool = True) -> None:
        self._rates, self._keep = rates, keep
        self.reset()

    def reset(self) -> None:
        """Starts a new page."""
        self.entries: list[Entry] = []
        self.n_requests = self.n_billed = self.n_abandoned = self.n_open = self.most_at_once = 0
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))
        self.batched: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))
        self.n_batched = 0
        self.models: dict[str, Counter[str]] = {}

    def opened(self) -> None:
        """Takes note of a request that came."""
        self.n_requests += 1
        self.n_open += 1
        self.most_at_once = max(self.most_at_once, self.n_open)

    def abandoned(self) -> None:
        """Takes note of a client that went away before it was answered."""
        self.n_abandoned += 1

    def settle(self, entry: Entry) -> None:
        """Adds a request that was answered, one way or another."""
        self.n_open -= 1
        self.statuses[entry.status] += 1
        if entry.fault:
            self.faults[entry.fault] += 1
        if self._keep:
            self.entries.append(entry)
        if entry.billed:
            self.n_billed += 1
            self.n_batched += entry.service == "batch"
            of_model = self.models.setdefault(entry.model, Counter(dict.fromkeys(("calls", *_KINDS), 0)))
            of_model["calls"] += 1
            for kind in _KINDS:
                n = getattr(entry.tokens, kind)
                if n:
                    self.tokens[kind] += n
                    self.batched[kind] += n if entry.service == "batch" else 0
                    of_model[kind] += n

    @property
    def money(self) -> float | None:
        """What is on the bill; None without rates."""
        if self._rates is None:
            return None
        batched = money(self.batched, 0, self._rates)
        factor = 1.0 if self._rates.batch_factor is None else self._rates.batch_factor
        return money(self.tokens, self.n_billed, self._rates) - batched * (1.0 - factor)

    def as_json(self, *, entries: bool = False) -> dict[str, object]:
        """What `GET /ledger` returns, with each entry on `GET /ledger?entries`."""
        said: dict[str, object] = {
            "requests": self.n_requests,
            "open": self.n_open,
            "billed": self.n_billed,
            "batched": self.n_batched,
            "abandoned": self.n_abandoned,
            "most_at_once": self.most_at_once,
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "faults": dict(self.faults),
            "tokens": dict(self.tokens),
            "batched_tokens": dict(self.batched),
            "models": {model: dict(counted) for model, counted in self.models.items()},
            "money": self.money,
            "currency": self._rates.currency if self._rates is not None else None,
        }
        return {**said, "entries": self.entries} if entries else said


def money(tokens: Mapping[str, int], calls: int, rates: Price) -> float:
    """What tokens and calls cost: each kind at its own rate; without one, at that of input or of output.

    Written here a second time on purpose, apart from `merits.prices`: a bill that is checked against itself is right.

    >>> money({"input": 500_000, "cache_read": 500_000}, 3, Price(input_per_million=2.0, per_call=0.01))
    2.03
    >>> money({"cache_write_1h": 500_000}, 1, Price(input_per_million=2.0, cache_write_1h_per_million=4.0))
    2.0
    """
    asked, said = rates.input_per_million or 0.0, rates.output_per_million or 0.0
    own = {kind: getattr(rates, f"{kind}_per_million") for kind in _KINDS}
    by_token = sum(
        n * (own[kind] if own[kind] is not None else said if kind in _SAID else asked)
        for kind, n in tokens.items()
        if kind in own
    )
    return by_token / 1e6 + calls * (rates.per_call or 0.0)
