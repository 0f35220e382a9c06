"""Alerts on the command line: listed, shown with their evidence, acknowledged, silenced."""

import json

import pytest

from merits.cli import main
from merits.core.live import Alert
from merits.store import open_live


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A task with two alerts, in its folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("text,label\n" + "\n".join(f"t{n},{'ab'[n % 2]}" for n in range(20)))
    (tmp_path / "merits.yaml").write_text("name: letters\ndata: data.csv\ninput: text\ntarget: label\n")
    live = open_live(tmp_path / ".merits" / "live.sqlite")
    for number, severity in ((1, "warning"), (2, "alarm")):
        live.add(
            [
                Alert(
                    id=f"a{number}b0",
                    task="letters",
                    at=1_796_000_000.0 + number,
                    kind="drift",
                    stream=f"input: {number}",
                    severity=severity,
                    text=f"number {number} is not as it was \x1b[31m",
                    next_step="look",
                    evidence={"e_value": 512.5},
                )
            ]
        )
    yield live
    live.close()


def said(capsys, *words):
    code = main(["alerts", *words])
    return code, capsys.readouterr().out


def test_an_open_alarm_is_exit_1_and_terminal_escapes_are_taken_out(watched, capsys):
    code, out = said(capsys)
    assert code == 1
    assert "number 2 is not as it was" in out
    assert "\x1b[31m" not in out


def test_what_is_acknowledged_is_listed_no_more_and_kept_with_the_reason(watched, capsys):
    assert said(capsys, "--acknowledge", "a2", "--reason", "known")[0] == 0
    assert "number 2" not in said(capsys)[1]
    assert "number 2" in said(capsys, "--all")[1]
    (mark,) = watched.marks("letters")
    assert (mark.alert, mark.mark, mark.reason) == ("a2b0", "acknowledged", "known")


def test_a_stream_is_silenced_for_some_hours(watched, capsys):
    said(capsys, "--silence", "input: *", "--hours", "2")
    listed = json.loads(said(capsys, "--all", "--json")[1])
    assert [one["state"] for one in listed["alerts"]] == ["silenced", "silenced"]
    (mark,) = watched.marks("letters")
    assert mark.until - mark.at == 7_200.0


def test_one_alert_is_shown_with_its_evidence(watched, capsys):
    code, out = said(capsys, "--show", "a1b0")
    assert code == 0
    assert "512.5" in out
    assert "next: look" in out


def test_an_alert_is_silenced_by_the_beginning_of_its_id(watched, capsys):
    """As it is acknowledged; what was silenced is said."""
    assert "silenced: a1b0\n" in said(capsys, "--silence", "a1")[1]
    assert "silenced: input: 2, until 20" in said(capsys, "--silence", "input: 2", "--hours", "1")[1]


def test_a_stream_that_is_mistyped_is_answered_with_the_near_miss(watched, capsys):
    assert main(["alerts", "--silence", "input:1"]) == 2
    assert "Did you mean 'input: 1'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [("--show", "ffff"), ("--acknowledge", "a"), ("--silence", "nothing"), ("--silence", "a"), ("--hours", "2")],
)
def test_what_names_no_alert_or_several_says_so(watched, capsys, words):
    assert main(["alerts", *words]) == 2
    assert "error:" in capsys.readouterr().err
    assert watched.marks("letters") == []
