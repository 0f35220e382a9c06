"""merits improve, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merits.cli import main

RULES = "".join(
    f"""
def rule_{n}(text):
    number = int(text.split()[-1])
    right = "even" if number % 2 == 0 else "odd"
    return right if number % 3 != {n} else "odd" if right == "even" else "even"
"""
    for n in range(3)
)
TASK = """\
name: numbers
kind: classification
data: numbers.csv
split: {method: given, column: split}
improve: {voting: {keep: 1}}
candidates:
  - {name: first, kind: python, function: "rules:rule_0"}
  - {name: second, kind: python, function: "rules:rule_1"}
  - {name: third, kind: python, function: "rules:rule_2"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three rules that are each wrong in another third of the cases: together they are always right."""
    rows = [f"number {n},{'even' if n % 2 == 0 else 'odd'},{'dev' if n < 120 else 'test'}" for n in range(240)]
    (tmp_path / "numbers.csv").write_text("\n".join(["text,label,split", *rows]) + "\n", "utf-8")
    (tmp_path / "rules.py").write_text(RULES, "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_was_gained_and_the_next_report_says_it_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["improve", "--technique", "voting", "--budget", "2 min"]) == 0
    said = capsys.readouterr()
    assert "is certainly better than" in " ".join(said.out.split())
    assert "techniques of the search" in said.out
    assert "best so far: vote of" in said.err
    assert "left" in said.err
    page = (folder / "numbers-improved.html").read_text("utf-8")
    assert "What the search gained" in page
    assert (folder / "numbers-found.yaml").exists()
    main(["report", "--json", "--report", "again.html"])
    assert "What the search gained" in (folder / "again.html").read_text("utf-8")


def test_a_plan_asks_nothing_and_says_why_not_the_rest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["improve", "--dry-run", "--quiet"]) == 0
    said = capsys.readouterr()
    assert "what will be tried, in this order" in said.out
    assert "what will not" in said.out
    assert said.err == "nothing was searched.\n"
    assert main(["improve", "--dry-run", "--json"]) == 0
    techniques = {one["name"]: one["why_not"] for one in json.loads(capsys.readouterr().out)["techniques"]}
    assert techniques["voting"] == ""
    assert "chat model" in techniques["prompting"]


def test_a_dry_run_asks_nothing_that_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What fits is known from how the given candidates do on dev; where asking them is paid, the price comes first."""
    (tmp_path / "data.csv").write_text(
        "input,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(60)), "utf-8"
    )
    (tmp_path / "asked.py").write_text(
        "from pathlib import Path\ndef answer(text):\n    Path('asked').touch()\n    return 'a'\n", "utf-8"
    )
    path = tmp_path / "merits.yaml"
    path.write_text(
        "name: paid\nkind: classification\ndata: data.csv\ninput: input\ntarget: label\ncandidates:\n"
        "  - most-common\n  - {name: paid, kind: python, function: 'asked:answer', price: {per_call: 0.5}}\n",
        "utf-8",
    )
    assert main(["improve", str(path), "--dry-run"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("The given candidates are asked first: 30 questions about dev that may cost money")
    assert "15 USD" in said.out
    assert "nothing was asked" in said.err
    assert not list(tmp_path.rglob("asked"))
    assert main(["improve", str(path), "--quiet"]) == 2  # and without a terminal nobody can agree to it
    assert "this may cost up to" in capsys.readouterr().err
    assert not list(tmp_path.rglob("asked"))
