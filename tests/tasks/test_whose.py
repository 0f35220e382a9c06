"""Whose models candidates are: that decides what their answers cost."""

from __future__ import annotations

import pytest

from merits.candidates.registry import kinds
from merits.core.candidate import Candidate
from merits.tasks.recipes import provider_of, runs_here

REMOTE = {
    "anthropic": "anthropic",
    "any-llm": "",
    "chat": "openai",
    "embeddings-remote": "openai",
    "image": "openai",
    "transcription": "openai",
}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_remote_kind_is_not_priced_as_work_of_this_machine(kind: str) -> None:
    """It is its provider's, whose price it has."""
    candidate = Candidate(name="a", kind=kind, params={"model": "m"})
    if kind in REMOTE:
        assert not runs_here(candidate)
        assert provider_of(candidate) == REMOTE[kind]
    elif kind != "imported":
        assert runs_here(candidate)
        assert provider_of(candidate) == ""


def test_the_provider_that_a_recipe_names_goes_first() -> None:
    """Whatever its kind's usual one."""
    candidate = Candidate(name="a", kind="any-llm", params={"model": "m", "provider": "bedrock"})
    assert provider_of(candidate) == "bedrock"
