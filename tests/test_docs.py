"""The reference of the task file forgets nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from merits.candidates import registry as candidates
from merits.scorers import registry as scorers
from merits.tasks.schema import schema

PAGE = (Path(__file__).parents[1] / "docs" / "task-file.md").read_text("utf-8")


def keys() -> list[str]:
    properties = schema()["properties"]
    parts = [properties[part].get("properties", {}) for part in ("needs", "settings")]
    return sorted({*properties, *(key for part in parts for key in part)})


@pytest.mark.parametrize("key", keys())
def test_every_key_of_the_task_file_is_explained(key: str) -> None:
    assert re.search(rf"`{key}\b|^{key}:", PAGE, re.MULTILINE)


@pytest.mark.parametrize("kind", sorted({*candidates.kinds(), *scorers.kinds()} - {"object"}))
def test_every_kind_is_explained(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE


def test_the_table_of_prices_is_one_that_can_be_read(tmp_path: Path) -> None:
    from merits.prices import load_table

    text = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("as_of"))
    (tmp_path / "prices.yaml").write_text(text, "utf-8")
    assert "2026-11-01" in str(load_table(tmp_path / "prices.yaml").as_of)


def test_the_example_is_one_that_can_be_read(tmp_path: Path) -> None:
    """With data that fit it."""
    from merits import load_task

    text = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("name"))
    rows = "".join(f"{n},word{n} {team},{team},c{n},en\n" for n in range(24) for team in ("fraud", "sales"))
    (tmp_path / "tickets.csv").write_text(
        "ticket_id,text,team,customer,language\n" + re.sub(r"^(\d+),(.*?),(\w+),", r"\1-\3,\2,\3,", rows, flags=re.M),
        "utf-8",
    )
    (tmp_path / "merits.yaml").write_text(text, "utf-8")
    task = load_task(tmp_path / "merits.yaml")
    assert [candidate.name for candidate in task.candidates] == ["most-common", "text-linear", "rules"]
    assert task.needs.incumbent == "rules"
    assert len(task.needs.requirements) == 4


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it stands on the page, on tickets that a keyword solves better than chance."""
    monkeypatch.chdir(tmp_path)
    tickets = [f"I want my money back for order {n},refund\nWhere is parcel {n}?,other\n" for n in range(60)]
    (tmp_path / "tickets.csv").write_text("text,category\n" + "".join(tickets), "utf-8")
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "example.py").write_text(code, "utf-8")
    exec(compile(code, str(tmp_path / "example.py"), "exec"), {"__name__": "example"})
    assert "Adopt" in capsys.readouterr().out
    assert (tmp_path / "report.html").exists()
