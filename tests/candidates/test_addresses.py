"""An address of an endpoint is an address and nothing else: keys in it would be stored with the recipe."""

from __future__ import annotations

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError


@pytest.mark.parametrize(
    "address",
    ["https://me@host/v1", "https://me:pass@host/v1", "https://host/v1?key=abcdefgh", "https://host/v1#abcdefgh"],
)
def test_an_address_with_credentials_is_refused_and_not_shown(address: str) -> None:
    candidate = Candidate(name="rented", kind="chat", params={"model": "m", "base_url": address})
    with pytest.raises(CandidateError, match="OPENAI_API_KEY") as problem:
        load(candidate, LoadContext())
    assert "abcdefgh" not in str(problem.value)
    assert "pass@" not in str(problem.value)
