"""A key that stands in a recipe would be stored with it, exported and shown: it is refused."""

from __future__ import annotations

import pytest

from merits.candidates.registry import check
from merits.core.candidate import Candidate
from merits.core.errors import CandidateError
from merits.core.identity import JSON

KEY = "q8Rw2Kp9Lm4Rt8Vb3Nc6"
REMOTE = ("chat", "anthropic", "transcription", "image", "embeddings-remote")


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize(
    "parameters",
    [
        {"api_key": KEY},
        {"extra_headers": {"Authorization": f"Bearer {KEY}"}},
        {"extra": [{"x-api-key": KEY}]},
        {"metadata": {"note": f"Bearer {KEY}"}},
        {"extra_query": {"key": KEY}},
    ],
)
def test_a_key_in_parameters_is_refused_at_any_depth(kind: str, parameters: dict[str, JSON]) -> None:
    """The message names the variable that it belongs into, and not the key."""
    with pytest.raises(CandidateError, match=r"a key must not stand in a recipe; set [A-Z]+_API_KEY") as caught:
        check(Candidate(name="mine", kind=kind, params={"model": "m", "parameters": parameters}))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_key_beside_the_parameters_is_no_unknown_word(kind: str) -> None:
    """Who writes `api_key:` is told where a key belongs, not which other words there are."""
    with pytest.raises(CandidateError, match="a key must not stand in a recipe") as caught:
        check(Candidate(name="mine", kind=kind, params={"model": "m", "api_key": KEY}))
    assert "_API_KEY" in caught.value.next_step
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "run",
    [
        ["answer", "--api-key", KEY],
        ["answer", f"--token={KEY}"],
        ["env", f"OPENAI_API_KEY={KEY}", "answer"],
        ["curl", "-H", f"Authorization: Bearer {KEY}"],
    ],
)
def test_a_key_in_a_command_line_is_refused(run: list[JSON]) -> None:
    """A program finds it in its environment."""
    with pytest.raises(CandidateError, match="run: a key must not stand in a recipe") as caught:
        check(Candidate(name="mine", kind="command", params={"run": run}))
    assert KEY not in str(caught.value)


def test_names_that_only_sound_like_keys_are_let_through() -> None:
    """A cache key, a count of tokens, a column called key."""
    harmless: dict[str, JSON] = {"prompt_cache_key": "tickets", "max_tokens": 5, "logit_bias": {"50256": -100}}
    check(Candidate(name="mine", kind="chat", params={"model": "m", "parameters": harmless}))
    check(Candidate(name="mine", kind="command", params={"run": ["python", "a.py", "--key", "label", "--tokens=5"]}))
