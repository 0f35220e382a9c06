"""API keys: how they are made, who holds one, and what it allows. Only hashes are kept.

A key is 256 random bits, so that its plain hash cannot be reversed, and comparing by a table of hashes tells nothing by
the time it takes: all that is looked up is a hash nobody can choose.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from merits.core.live import SCOPES, ApiKey, Feedback, Served
from merits.serving.guessing import Guesses
from merits.serving.rates import LocalRates, Rates
from merits.serving.refusals import Refusal

__all__ = ["Holder", "Keyring", "hash_of_key", "month_began", "new_key"]

_LONGEST = 200
_MARK = "mk_"
_NO_KEY = "Send an API key (mk_...) in the header Authorization, after the word Bearer."  # what `redact` leaves alone


def new_key(
    *,
    now: float,
    name: str = "",
    scopes: Sequence[str] = ("predict", "feedback"),
    tasks: Sequence[str] = (),
    per_minute: int | None = None,
    budget: float | None = None,
    currency: str = "USD",
    expires_at: float | None = None,
    id: str = "",
) -> tuple[str, ApiKey]:
    """A new key, to be shown once, and the record of it; with the `id` of an older one it takes its place.

    >>> key, record = new_key(now=0.0, name="shop")
    >>> key.startswith("mk_"), len(key), record.hash == hash_of_key(key.encode())
    (True, 46, True)
    """
    key = _MARK + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    record = ApiKey(
        id=id or os.urandom(4).hex(),
        hash=hash_of_key(key.encode()),
        at=now,
        name=name,
        scopes=tuple(scopes),
        tasks=tuple(tasks),
        per_minute=per_minute,
        budget=budget,
        currency=currency,
        expires_at=expires_at,
    )
    return key, record


def hash_of_key(key: bytes) -> str:
    """What is kept of a key: BLAKE2b, 256 bits, in hex."""
    return hashlib.blake2b(key[:_LONGEST], digest_size=32).hexdigest()


def month_began(now: float) -> float:
    """When the calendar month began (UTC), as UNIX seconds.

    >>> month_began(datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()) == datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    True
    """
    moment = datetime.fromtimestamp(now, UTC)
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


class Holder:
    """Who holds a key: the record, with what was spent this month (of what is in the store, and since).

    An answer whose cost is not known (the client left before its end) counts as much as its release promises.
    """

    __slots__ = ("_arrived", "_charged", "_in_spent", "_presumed", "_rates", "key", "scopes", "spent", "tasks")

    def __init__(self, key: ApiKey, rates: Rates) -> None:
        self.key, self._rates = key, rates
        self.scopes = frozenset(SCOPES if "admin" in key.scopes else key.scopes)
        self.tasks = frozenset(key.tasks)
        self.spent = self._charged = self._arrived = self._in_spent = 0.0
        self._presumed: dict[str, float] = {}

    @property
    def since(self) -> float:
        """What answers cost that are not in `spent`."""
        return max(0.0, self._charged - self._in_spent)

    def must_have_turns(self, n: int) -> None:
        """Nothing, when a request with n inputs is within the rate: its first counted when it was let in.

        Refusal 429 when it is not, 413 where it never would be.
        """
        most = self.key.per_minute
        if most is None or n < 2:
            return
        if n > most:
            raise Refusal(
                413, "batch_too_long", f"This API key may ask {most} times a minute, and these are {n} inputs."
            )
        wait_s = self._rates.wait_s(self.key.id, most, n - 1)
        if wait_s:
            raise _too_fast(most, wait_s + 60.0 / most)  # the one that was let in counts

    def must_bound(self, model: str, currency: str) -> None:
        """Nothing, where what a model costs counts against the budget: `currency` is what it is billed in, "" if none.

        Refusal 403 where the key has a budget that its answers would not count against.
        """
        key = self.key
        if key.budget is None or currency == key.currency:
            return
        why = f"{model} is billed in {currency}" if currency else f"what {model} costs is not known"
        raise Refusal(
            403,
            "budget",
            f"This API key has a budget of {key.budget:g} {key.currency}, and {why}: ask for a key without a budget, or"
            f" for a release with a price in {key.currency}.",
        )

    def must_afford(self, now: float) -> None:
        """Nothing, while there is something left of the budget. Refusal 429 where it is spent."""
        key = self.key
        if key.budget is not None and self.spent + self.since >= key.budget:
            raise Refusal(
                429,
                "insufficient_quota",
                f"This API key has spent its {key.budget:g} {key.currency} of this month.",
                retry_after_s=_until_next_month(now),
            )

    def charge(self, request: str, cost: float | None, presumed: float = 0.0) -> None:
        """Notes what an answer cost that the store does not know of yet."""
        if cost is None and presumed:
            self._presumed[request] = presumed
            cost = presumed
        self._charged += cost or 0.0

    def shipped(self, request: str, cost: float | None) -> None:
        """Notes that the store has an answer. Called by the shipper's thread."""
        self._arrived += self._presumed.pop(request, 0.0) if cost is None else cost

    def renewed(self, spent: float, arrived: float) -> None:
        """Takes what the store says was spent. `arrived` is what had been shipped before it was asked."""
        self.spent, self._in_spent = spent, arrived

    def succeeds(self, old: Holder) -> None:
        """Takes over what was spent by the same key under an older record."""
        self.spent, self._presumed = old.spent, old._presumed
        self._charged, self._arrived, self._in_spent = old._charged, old._arrived, old._in_spent

    @property
    def arrived(self) -> float:
        """What the answers cost, in all, that were shipped since this process began."""
        return self._arrived


class Keyring:
    """The keys that let somebody in, as the live store had them last."""

    def __init__(
        self,
        rates: Rates | None = None,
        guesses: Guesses | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self.guesses = guesses or Guesses()
        self._rates = rates or LocalRates()
        self._holders: dict[str, Holder] = {}
        self._by_id: dict[str, Holder] = {}

    def __len__(self) -> int:
        return len(self._holders)

    def renew(
        self,
        keys: Sequence[ApiKey],
        spent: Mapping[str, float] | None = None,
        arrived: Mapping[str, float] | None = None,
    ) -> None:
        """Takes the latest record of each key, and what was spent by those that have a budget.

        `arrived` is what `arrived` said before the store was asked.
        """
        known = {holder.key.id: holder for holder in self._holders.values()}
        holders: dict[str, Holder] = {}
        for key in keys:
            if key.revoked_at is not None:  # whatever this machine's clock says
                continue
            holder = known.get(key.id)
            if holder is None or holder.key != key:
                fresh = Holder(key, self._rates)
                if holder is not None:
                    fresh.succeeds(holder)
                holder = fresh
            if spent is not None and key.id in spent:
                holder.renewed(spent[key.id], (arrived or {}).get(key.id, 0.0))
            holders[key.hash] = holder
        self._holders, self._by_id = holders, {holder.key.id: holder for holder in holders.values()}

    def arrived(self) -> dict[str, float]:
        """What the answers to each key cost, in all, that were shipped since this process began."""
        return {id: holder.arrived for id, holder in self._by_id.items()}

    def shipped(self, entries: Sequence[Served | Feedback]) -> None:
        """Told by the shipper what the store has now."""
        by_id = self._by_id
        for entry in entries:
            if isinstance(entry, Served) and entry.key in by_id:
                by_id[entry.key].shipped(entry.request, entry.cost)

    @property
    def holders(self) -> Collection[Holder]:
        """All that are let in."""
        return self._holders.values()

    @property
    def budgeted(self) -> dict[str, str]:
        """The ids of the keys that have a budget, each with its currency."""
        keys = [holder.key for holder in self._holders.values()]
        return {key.id: key.currency for key in keys if key.budget is not None}

    def holder(self, authorization: bytes | None, address: str) -> Holder:
        """Who brings a key ("Bearer mk_..."). Refusal 401 when it is none of ours, 429 when the address guesses.

        A right key is let in whoever else guesses from its address.
        """
        given = authorization or b""
        if given[:7].lower() == b"bearer ":
            given = given[7:].strip()
        found = self._holders.get(hash_of_key(given))
        if found is not None and (found.key.expires_at is None or found.key.expires_at > self._clock()):
            return found
        if not authorization:
            raise Refusal(401, "missing_api_key", _NO_KEY)
        wait_s = self.guesses.seconds_left(address)
        if wait_s:
            text = "Too many wrong keys came from this address."
            raise Refusal(429, "too_many_wrong_keys", text, retry_after_s=wait_s, closes=True)
        self.guesses.wrong(address)
        raise Refusal(401, "invalid_api_key", "This API key is not known, has expired or was revoked.")

    def admit(self, holder: Holder, scope: str) -> None:
        """Nothing, when the key may do this now. Refusal 403 or 429 when it may not, or not now."""
        if scope not in holder.scopes:
            raise Refusal(403, "scope", f"This API key may not {scope}.")
        key = holder.key
        if key.per_minute is not None:
            wait_s = self._rates.wait_s(key.id, key.per_minute)
            if wait_s:
                raise _too_fast(key.per_minute, wait_s)
        if scope == "predict":
            holder.must_afford(self._clock())


def _too_fast(per_minute: int, wait_s: float) -> Refusal:
    text = f"This API key may ask {per_minute} times a minute; each input of a batch counts."
    return Refusal(429, "rate_limit_exceeded", text, retry_after_s=wait_s)


def _until_next_month(now: float) -> float:
    began = datetime.fromtimestamp(month_began(now), UTC)
    following = began.replace(year=began.year + began.month // 12, month=began.month % 12 + 1)
    return following.timestamp() - now
