"""The reference of the task file forgets nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from merits.candidates import registry as candidates
from merits.scorers import registry as scorers
from merits.tasks.schema import schema

PAGE = (Path(__file__).parents[1] / "docs" / "task-file.md").read_text("utf-8")


ROOT = Path(__file__).parents[1]


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


def targets(page: Path) -> list[str]:
    """What the links and images of a page point at beside it, in Markdown and in HTML."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(\s*<?([^)\s>]+)", text)
    found += re.findall(r"^\s*\[[A-Za-z][^\]]*\]:\s*<?([^\s>]+)", text, re.MULTILINE)
    found += re.findall(r"(?:src|href|srcset)=\"([^\"\s]+)", text)
    return [target for target in found if not re.match(r"[a-z][a-z+.-]*:|//", target)]


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make."""
    heads = re.findall(r"^#+ +(.*?) *$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_image_beside_a_page_exists(page: Path) -> None:
    """A page is read where it lies: a moved file breaks it without a word."""
    for target in targets(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} points at {target}"
        assert file.is_relative_to(ROOT)
        assert not anchor or file.suffix != ".md" or anchor in anchors(file), f"{page.name} points at {target}"


def test_the_links_of_the_readme_are_found() -> None:
    """The test above would pass on a page that it cannot read."""
    assert {"docs/task-file.md", "docs/report.png"} <= {t.partition("#")[0] for t in targets(ROOT / "README.md")}


def examples_of_requirements() -> list[str]:
    """What the table of requirements shows as written, and what stands in its right column."""
    section = PAGE.partition("### Requirements")[2].partition("\nMetrics:")[0]
    quoted = re.findall(r"`([^`]+)`", section)
    return [text for text in quoted if re.search(r"[<>]= ?|non-inferior to |=| in \[|^on-premises$", text)]


@pytest.mark.parametrize("text", examples_of_requirements())
def test_every_requirement_on_the_page_can_be_read(text: str) -> None:
    """As it stands there."""
    from merits import parse_requirement

    assert parse_requirement(text).text == text


def test_the_requirements_on_the_page_are_found() -> None:
    """The test above would pass on a page that it cannot read."""
    assert len(examples_of_requirements()) >= 10


def test_every_step_of_the_rule_is_explained() -> None:
    """With the question as it is printed."""
    from merits.deciding.trace import QUESTIONS

    page = (ROOT / "docs" / "decision.md").read_text("utf-8")
    for code, question in QUESTIONS.items():
        assert f"| `{code}` | {question} |" in page


def test_every_verb_is_in_the_readme() -> None:
    """A reader finds there what can be typed."""
    from merits.cli import VERBS

    page = (ROOT / "README.md").read_text("utf-8")
    for verb in VERBS:
        assert f"merits {verb}" in page, verb
