"""`merits explain-decision`: the chain of reasoning of what `merits report` shows, or of what the last run decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Merits

TASK = """\
name: flowers
data: flowers.csv
input: [petal_length, petal_width]
target: species
needs: {requirements: [REQUIREMENT]}
machine_per_hour: 0.1
candidates: [most-common, {kind: sklearn, estimator: sklearn.tree.DecisionTreeClassifier, name: tree}]
"""


@pytest.fixture
def decided(flowers: Path, merits: Merits) -> Path:
    """A task that was run with a bar that the tree meets."""
    (flowers / "merits.yaml").write_text(TASK.replace("REQUIREMENT", "accuracy >= 0.6"), "utf-8")
    code, _, err = merits("run", "--quiet")
    assert code == 0, err
    return flowers


def test_it_explains_what_the_report_shows(decided: Path, merits: Merits) -> None:
    code, out, _ = merits("explain-decision")
    assert code == 0
    assert out.startswith("Adopt tree: why (flowers, 79 test examples)")
    assert "tree, accuracy >= 0.6: met" in out
    assert "The last run decided otherwise" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_changed_needs_are_explained_and_the_last_run_is_named(decided: Path, merits: Merits) -> None:
    """Asks nothing; what the run decided stays there to be explained."""
    (decided / "merits.yaml").write_text(TASK.replace("REQUIREMENT", "accuracy >= 0.9999"), "utf-8")
    code, out, _ = merits("explain-decision")
    assert code == 0
    assert out.startswith(("Undecided: why", "None is worth it: why"))
    assert "The last run decided otherwise: Adopt tree" in out
    code, out, _ = merits("explain-decision", "--stored")
    assert code == 0
    assert out.startswith("Adopt tree: why")


def test_json_has_a_schema_version_and_every_step(decided: Path, merits: Merits) -> None:
    code, out, _ = merits("explain-decision", "--json", "--candidate", "tree")
    found = json.loads(out)
    assert (code, found["schema"], found["verdict"]) == (0, "merits.explanation/1", "adopt")
    assert [counted["candidate"] for counted in found["evidence"]] == ["tree"]
    assert {"compared", "required", "leader", "tied", "choice", "verdict"} <= {step["code"] for step in found["steps"]}
    (bar,) = [step for step in found["steps"] if step["code"] == "required"]
    assert {"value", "low", "high", "level", "n", "unit", "method"} <= set(bar["evidence"][0]["estimate"])


def test_a_name_that_is_not_there_is_an_error_with_the_near_miss(decided: Path, merits: Merits) -> None:
    code, _, err = merits("explain-decision", "--candidate", "tre")
    assert code == 2
    assert "Did you mean 'tree'?" in err


def test_nothing_to_explain_says_what_to_run(flowers: Path, merits: Merits) -> None:
    (flowers / "merits.yaml").write_text(TASK.replace("REQUIREMENT", "accuracy >= 0.6"), "utf-8")
    for words in ((), ("--stored",)):
        code, _, err = merits("explain-decision", *words)
        assert code in (2, 4), err  # there is no store yet
        assert "merits run" in err
