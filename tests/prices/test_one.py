"""The cost of one answer is what the costs of many say of it, whatever the price."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.core.answer import TOKEN_KINDS, Usage
from merits.core.price import Price, PriceChange, Service, Tier
from merits.prices.costs import costs
from merits.prices.one import pricer

rates = st.none() | st.floats(0.0, 100.0)
plain = st.fixed_dictionaries({f"{kind}_per_million": rates for kind in ("input", "output", "cache_read", "reasoning")})
prices = st.builds(
    lambda by_token, per_call, per_hour, per_month, tiers, services, changes: Price(
        **by_token,
        per_call=per_call,
        machine_per_hour=per_hour,
        per_month=per_month,
        utilisation=0.5 if per_hour else None,
        tiers=tiers,
        services=services,
        changes=changes,
    ),
    plain,
    rates,
    rates,
    rates,
    st.sampled_from([(), (Tier(above=100, input_per_million=7.0, output_per_million=9.0),)]),
    st.sampled_from([{}, {"flex": Service(input_per_million=1.0)}, {"default": Service(input_per_million=3.0)}]),
    st.sampled_from([(), (PriceChange(from_=datetime.date(2026, 6, 1), input_per_million=50.0),)]),
)
usages = st.builds(
    Usage,
    **{f"{kind}_tokens": st.sampled_from([0, 0, 3, 500]) for kind in TOKEN_KINDS},
    machine_s=st.floats(0, 100),
    attempts=st.integers(1, 4),
    service_tier=st.sampled_from(["", "default", "flex", "batch"]),
)


@given(prices, usages, st.sampled_from([1_770_000_000.0, 1_790_000_000.0]))
def test_one_answer_costs_what_it_costs_among_many(price: Price, usage: Usage, at: float) -> None:
    """The slow definition beside the fast formula."""
    tier = usage.service_tier
    slow = costs(
        price,
        tokens={kind: np.array([float(getattr(usage, f"{kind}_tokens"))]) for kind in TOKEN_KINDS},
        machine_s=np.array([usage.machine_s]),
        attempts=np.array([usage.attempts], np.int32),
        services={tier: np.array([True])} if tier not in ("", "default") else None,
        asked_at=at,
    )
    fast = pricer(price)(usage, at)
    if slow is None:
        assert fast is None
    else:
        assert fast == pytest.approx(float(slow[0]))


def test_what_the_provider_did_not_tell_is_not_known() -> None:
    """By the token; a price by the call counts the attempt all the same."""
    assert pricer(Price(input_per_million=1.0))(Usage(unmetered=1), 0.0) is None
    assert pricer(Price(per_call=0.5))(Usage(attempts=2, unmetered=1), 0.0) == 1.0
    assert pricer(None)(Usage(), 0.0) is None
