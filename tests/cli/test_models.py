"""`merits models`: what an endpoint offers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from merits.candidates.offered import offered_in
from merits.cli.models import _priced, _shown
from merits.testing.provider import FakeProvider
from tests.cli.conftest import Merits

KEY = "sk-models-0123456789"


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    monkeypatch.chdir(tmp_path)
    with FakeProvider(models=("small", "large", "embedder"), api_key=KEY) as provider:
        yield provider


@pytest.mark.parametrize("name", ["openai", "anthropic", "mistral"])
def test_the_models_of_an_endpoint_are_listed(
    name: str, provider: FakeProvider, merits: Merits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In either dialect, sorted; address and key are those of the environment."""
    monkeypatch.setenv(f"{name.upper()}_API_KEY", KEY)
    monkeypatch.setenv(f"{name.upper()}_BASE_URL", provider.base_url)
    code, out, err = merits("models", "--provider", name)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["embedder", "large", "small"]
    code, out, _ = merits("models", "--provider", name, "--match", "LARGE", "--json")
    assert [each["id"] for each in json.loads(out)["models"]] == ["large"]
    assert json.loads(out)["schema"] == "merits.models/1"


def test_a_wrong_key_says_so_and_is_not_shown(
    provider: FakeProvider, merits: Merits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's word, the variable to mend, and exit code 4."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    code, out, err = merits("models", "--base-url", provider.base_url)
    assert (code, out) == (4, "")
    assert "401: Incorrect API key provided. Check OPENAI_API_KEY." in err
    assert "sk-wrong" not in err


def test_nobody_there_and_no_such_provider(merits: Merits) -> None:
    """Each with its next step."""
    code, _, err = merits("models", "--base-url", "http://127.0.0.1:9/v1")
    assert code == 4
    assert "Check the address" in err
    code, _, err = merits("models", "--provider", "opnai")
    assert code == 2
    assert "Did you mean 'openai'?" in err


def test_prices_are_told_where_the_address_is_a_providers_own() -> None:
    """Whoever answers elsewhere has other prices, if any."""
    priced = _priced("https://api.openai.com/v1", ["gpt-4o-mini", "gpt-99"])
    assert list(priced) == ["gpt-4o-mini"]
    assert _shown(priced["gpt-4o-mini"]) == "USD per million tokens: 0.15 in, 0.6 out"
    assert _priced("http://localhost:8000/v1", ["gpt-4o-mini"]) == {}


def test_a_long_list_comes_in_pages() -> None:
    """Anthropic gives twenty at a time, and says where the next page begins."""
    page = b'{"data": [{"id": "a", "display_name": "A", "created_at": "2026-05-01T00:00:00Z"}]'
    found, after = offered_in(page + b', "has_more": true, "last_id": "a"}')
    assert (found[0].name, found[0].created, after) == ("A", "2026-05-01", "a")
    assert offered_in(page + b', "has_more": false, "last_id": "a"}')[1] == ""
