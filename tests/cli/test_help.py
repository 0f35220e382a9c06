"""What `merits` says of itself: its verbs by stage on one screen, and each verb by itself."""

from __future__ import annotations

import pytest

from merits.cli import STAGES, VERBS, parser
from tests.cli.conftest import Merits


def test_all_verbs_are_on_one_screen_by_stage(merits: Merits) -> None:
    """Of 80 columns, a line each; the same where no verb is given."""
    code, out, _ = merits()
    assert code == 0
    assert out == parser().format_help()
    lines = out.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    assert [line.removesuffix(":") for line in lines if line.removesuffix(":") in STAGES] == list(STAGES)
    for verb, said in VERBS.items():
        assert [line for line in lines if line.split()[:1] == [verb]] == [f"  {verb:18}{said}"]


def test_help_is_a_word_too(merits: Merits) -> None:
    """Whoever knows git types it so."""
    assert merits("help") == merits("--help")
    assert merits("help", "rollback") == merits("rollback", "--help")


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_explains_itself_with_an_example(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as ended:
        parser(verb).parse_args([verb, "--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.startswith(f"usage: merits {verb} [-h]")
    assert f"example:  merits {verb}" in out


IN_PRODUCTION = [*STAGES["serve"], *STAGES["monitor"]]
MAY_SPEND = {"feedback", "monitor", "probe", "retrain", "rollout"}


@pytest.mark.parametrize("verb", IN_PRODUCTION)
def test_what_a_verb_prints_in_production_is_there_as_json(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A server's log is JSON already; whoever may spend money says before what it would."""
    with pytest.raises(SystemExit):
        parser(verb).parse_args([verb, "--help"])
    out = capsys.readouterr().out
    assert ("--json" in out) == (verb != "serve")
    assert verb not in MAY_SPEND or "--dry-run" in out
