"""Tokens are counted once each, whatever a provider reports: the parts sum to its total, and none is negative."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merits.candidates import completions, messages
from merits.core.answer import Usage

FIELDS = tuple(name for name in Usage.__struct_fields__ if name.endswith("_tokens"))
counts = st.integers(-5, 10_000_000)
odd = st.one_of(counts, st.none(), st.just("x"))


def details(*names: str) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), st.fixed_dictionaries({}, optional=dict.fromkeys(names, odd)))


def parts(usage: Usage) -> list[int]:
    return [getattr(usage, name) for name in FIELDS]


@given(
    st.integers(0, 1_000_000),
    st.integers(0, 1_000_000),
    st.integers(0, 50_000),
    details("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"),
    details("reasoning_tokens", "audio_tokens"),
)
def test_an_openai_styled_count_sums_to_its_total(
    asked: int, said: int, outside: int, of_asked: object, of_said: object
) -> None:
    """Also where reasoning is left out of the output, and where the details contradict the sums."""
    told = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said + outside}
    told |= {"prompt_tokens_details": of_asked, "completion_tokens_details": of_said}  # type: ignore[dict-item]
    found = parts(completions.usage_of(told))
    assert min(found) >= 0
    assert sum(found) == asked + said + outside


@given(
    st.fixed_dictionaries(
        {"input_tokens": st.integers(0, 1_000_000), "output_tokens": st.integers(0, 1_000_000)},
        optional={
            "cache_read_input_tokens": counts,
            "cache_creation_input_tokens": counts,
            "output_tokens_details": details("thinking_tokens"),
        },
    )
)
def test_an_anthropic_styled_count_sums_to_its_parts(told: dict[str, object]) -> None:
    """Cached tokens stand beside the input there, and thoughts within the output."""
    found = parts(messages.usage_of(told))
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert min(found) >= 0
    assert sum(found) == sum(max(0, int(str(told.get(name, 0)))) for name in names)
