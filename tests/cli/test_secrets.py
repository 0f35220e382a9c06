"""A planted secret is found, by value, in nothing that a run writes or prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from merits.testing.provider import FakeProvider
from tests.cli.conftest import Merits

KEY = "sk-planted-0123456789"
OTHER = "planted-credential-987"
TASK = """
name: words
kind: classification
data: words.csv
input: text
target: label
split: {{method: stratified, test: 0.5}}
settings: {{retries: 0}}
candidates:
  - most-common
  - {{name: right, kind: chat, model: m, base_url: "{right}", labels: true}}
  - {{name: refused, kind: chat, model: m, base_url: "{refused}"}}
  - {{name: leaky, kind: python, function: "leaky:answer"}}
"""
LEAKY = """
import os

def answer(text):
    raise RuntimeError(f"cannot log in with {os.environ['MY_CREDENTIAL']} at http://host/?sig=abcdef123456")
"""


def test_a_planted_secret_is_found_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merits: Merits) -> None:
    """Keys in headers, in the environment, in error messages and in addresses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_CREDENTIAL", OTHER)
    (tmp_path / "words.csv").write_text(
        "text,label\n" + "".join(f"good {n},yes\nbad {n},no\n" for n in range(12)), "utf-8"
    )
    (tmp_path / "leaky.py").write_text(LEAKY, "utf-8")
    said = []
    with FakeProvider(lambda messages: f"yes, says {KEY}") as right, FakeProvider(api_key="another") as refused:
        (tmp_path / "merits.yaml").write_text(TASK.format(right=right.base_url, refused=refused.base_url), "utf-8")
        for verb in (["check"], ["run", "--dry-run"], ["run", "--traceback"], ["run", "--json"], ["report"]):
            code, out, err = merits(*verb)
            assert code in (0, 1, 3), err
            said.append(out + err)
        assert len(right.requests) == 12
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".py"}
    assert "store.sqlite" in written
    for secret in (KEY, OTHER, "abcdef123456"):
        assert [name for name, content in written.items() if secret.encode() in content] == []
        assert [text for text in said if secret in text] == []
