"""The five-minute story of a user with data of their own, as they type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Merits

FINISHED = (0, 1, 3)  # adopt or keep, none worth it, undecided


def test_init_check_run_report(flowers: Path, merits: Merits) -> None:
    code, out, _ = merits("init", "flowers.csv")
    assert code == 0
    assert "species" in out
    assert "next: merits check" in out

    code, out, _ = merits("check")
    assert code == 0
    assert "150" in out

    code, out, err = merits("run")
    assert code in FINISHED, err
    report = flowers / "flowers-report.html"
    assert str(report) in out.replace("\n", "") or report.name in out
    assert "<html" in report.read_text("utf-8")

    report.unlink()
    again, out, _ = merits("report")
    assert again == code
    assert report.exists()


def test_run_again_asks_for_nothing(flowers: Path, merits: Merits) -> None:
    """Answers are paid for once."""
    merits("init", "flowers.csv")
    merits("run", "--quiet")
    code, out, _ = merits("run", "--dry-run", "--json")
    assert code == 0
    plan = json.loads(out)
    assert plan["schema"] == "merits.plan/1"
    assert [0] * len(plan["parts"]) == [part["n_to_ask"] for part in plan["parts"]]


def test_run_json_is_one_object_with_a_schema_version(flowers: Path, merits: Merits) -> None:
    merits("init", "flowers.csv")
    code, out, _ = merits("run", "--json")
    found = json.loads(out)
    assert found["schema"] == "merits.run/1"
    assert code in FINISHED
    assert found["decision"]["verdict"]
    quality = found["decision"]["standings"][0]["quality"]
    assert {"value", "low", "high", "level", "n", "unit", "method"} <= set(quality)


def test_a_changed_need_moves_the_decision_without_asking(flowers: Path, merits: Merits) -> None:
    merits("init", "flowers.csv")
    merits("run", "--quiet")
    task = flowers / "merits.yaml"
    import yaml

    body = yaml.safe_load(task.read_text("utf-8"))
    body["needs"] = {"requirements": ["accuracy >= 0.9999 @ 95%"]}
    task.write_text(yaml.safe_dump(body), "utf-8")
    code, out, _ = merits("report", "--json")
    assert code in (1, 3)
    assert json.loads(out)["decision"]["verdict"] in ("none worth it", "undecided")


def test_dev_is_cross_validated_and_decides_nothing(flowers: Path, merits: Merits) -> None:
    """So that exploring does not use up the test examples."""
    merits("init", "flowers.csv")
    code, _, _ = merits("run", "--dev", "--quiet")
    assert code == 0
    assert (flowers / "flowers-report-dev.html").exists()


def test_only_one_candidate(flowers: Path, merits: Merits) -> None:
    merits("init", "flowers.csv")
    code, out, _ = merits("run", "--only", "most-common", "--json")
    assert code in FINISHED
    assert ["most-common"] == [s["candidate"] for s in json.loads(out)["decision"]["standings"]]


@pytest.mark.parametrize(
    "verb", ["init", "check", "run", "report", "explain-decision", "compare", "gate", "kinds", "schema"]
)
def test_help_shows_an_example_that_can_be_copied(verb: str, merits: Merits) -> None:
    code, out, _ = merits(verb, "--help")
    assert code == 0
    assert f"merits {verb}" in out
    assert "example:" in out


def test_kinds_describe_their_parameters(merits: Merits) -> None:
    code, out, _ = merits("kinds", "chat")
    assert code == 0
    assert "model:" in out


def test_the_published_schema_is_fresh(merits: Merits) -> None:
    """Editors complete what this version understands."""
    _, out, _ = merits("schema")
    published = Path(__file__).parents[2] / "docs" / "task.schema.json"
    assert json.loads(out) == json.loads(published.read_text("utf-8"))
