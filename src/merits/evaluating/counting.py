"""What was ever asked of remote models, day by day and model by model: our side of a provider's bill."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.core.answer import STANDARD, Usage
from merits.core.candidate import Candidate
from merits.core.doors import Store, StoredAnswer
from merits.evaluating.columns import TOKENS
from merits.prices import PriceSource, costs
from merits.prices.reconciling import Counted
from merits.prices.words import source_in_words

__all__ = ["counted_answers"]

Places: TypeAlias = list[int]


def counted_answers(
    store: Store, versions: Mapping[str, Candidate], table: PriceSource, provider_of: Callable[[Candidate], str]
) -> list[Counted]:
    """All that was ever answered under these versions, also what counts no more, by day (UTC) and model.

    Each answer is priced as of when it came. Candidates without a provider run here, and are on nobody's bill.
    """
    return [
        one
        for version, candidate in versions.items()
        if (provider := provider_of(candidate))
        for one in _of_version(list(store.paid(version)), candidate, provider, table)
    ]


def _of_version(paid: list[StoredAnswer], candidate: Candidate, provider: str, table: PriceSource) -> list[Counted]:
    price = table.price_of(candidate)
    used = [one.answer.usage for one in paid]
    tiers = {usage.service_tier for usage in used if usage.service_tier not in STANDARD}
    asked = str(candidate.params.get("model", candidate.name))
    groups: dict[tuple[str, str], Places] = {}
    for place, one in enumerate(paid):
        day = datetime.fromtimestamp(one.at, UTC).date().isoformat()
        groups.setdefault((day, one.answer.model or asked), []).append(place)
    found = []
    for (day, model), places in groups.items():
        known = costs(
            price,
            tokens={kind: _column([used[place] for place in places], f"{kind}_tokens") for kind in TOKENS},
            machine_s=_column([used[place] for place in places], "machine_s"),
            attempts=_column([used[place] for place in places], "attempts").astype(np.int32),
            services={tier: np.array([used[place].service_tier == tier for place in places]) for tier in tiers},
            asked_at=np.array([paid[place].at for place in places]),
        )
        found.append(
            Counted(
                day=day,
                model=model,
                provider=provider,
                calls=sum(used[place].attempts for place in places),
                n_failed=sum(paid[place].answer.failure is not None for place in places),
                n_unmetered=sum(used[place].unmetered for place in places),
                tokens=_tokens([used[place] for place in places]),
                cost=None if known is None else math.fsum(known.tolist()),
                price="" if price is None else source_in_words(price),
            )
        )
    return found


def _column(used: list[Usage], field: str) -> NDArray[np.float64]:
    return np.fromiter((getattr(usage, field) for usage in used), np.float64, len(used))


def _tokens(used: list[Usage]) -> dict[str, int]:
    """Tokens as a bill counts them: cached ones are among the input, and reasoning is output."""
    total = {kind: sum(getattr(usage, f"{kind}_tokens") for usage in used) for kind in TOKENS}
    cached = {"cache_read": total["cache_read"], "cache_write": total["cache_write"] + total["cache_write_1h"]}
    heard_and_seen = total["audio"] + total["image"]
    return {
        "input": total["input"] + sum(cached.values()) + heard_and_seen,
        **cached,
        "output": total["output"] + total["reasoning"] + total["audio_output"],
    }
