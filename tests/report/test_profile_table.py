"""The profile is readable in a terminal, and what the data says cannot write on the screen."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from merits.report import profile_table
from merits.tasks.make import make_task
from merits.tasks.profile import profile

Rows = list[dict[str, object]]


def drawn(width: int = 100, **options: object) -> str:
    data = options.pop("data")
    buffer = io.StringIO()
    profile_table.render(profile(make_task(data, **options)), Console(file=buffer, width=width))  # type: ignore[arg-type]
    return buffer.getvalue()


def rows(n: int = 40, **more: object) -> Rows:
    return [{"text": f"{word} {number}", "label": word, **more} for number in range(n // 2) for word in ("good", "bad")]


def test_sizes_labels_power_and_requirements_are_shown() -> None:
    text = " ".join(
        drawn(data=rows(), slices=[], needs={"requirements": ["accuracy >= 0.99", "macro_f1 >= 0.5"]}).split()
    )
    for words in (
        "classification, 40 examples, 20 dev and 20 test",
        "good 10 10 50.0 %",
        "20 independent examples",
        "accuracy >= 0.99: cannot be shown with 20 examples; it takes 299",
        "macro_f1 >= 0.5: cannot be told before the run",
        "few-examples:",
        "requirement-out-of-reach:",
    ):
        assert words in text


def test_leaks_and_conflicts_are_shown_with_examples() -> None:
    test = [*rows(), {"text": "odd", "label": "good"}, {"text": "odd", "label": "bad"}]
    text = drawn(data={"dev": rows(), "test": test})
    assert "exact twins: test-1 (test) and dev-1 (dev): good 0" in text
    assert "several targets: odd: good (1), bad (1)" in text


def test_tabular_columns_and_slices_are_shown() -> None:
    data = [{"a": i, "b": None if i % 2 else "x", "y": "pq"[i % 3 == 0], "s": "web"} for i in range(40)]
    text = " ".join(drawn(data=data, input=["a", "b"], target="y", slices="s").split())
    assert "a number 40 0.0 %" in text
    assert "b text 1 50.0 %" in text
    assert "s web" in text


def test_of_many_labels_the_commonest_are_shown() -> None:
    data = [{"text": f"words {i}", "label": f"label{i % 30:02}"} for i in range(300)]
    text = drawn(data=data)
    assert "label00" in text
    assert "label29" not in text
    assert "18 more" in " ".join(text.split())


@pytest.mark.parametrize("width", [80, 120])
def test_hostile_texts_neither_write_on_the_screen_nor_break_the_layout(width: int) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31m[bold]red[/] " + "x" * 300
    data = [{"text": f"{hostile} {i % 19}", "label": f"{hostile}{i % 2}"} for i in range(40)]
    text = drawn(width, data={"dev": data, "test": data}, name="[red]name[/]")
    assert "\x1b" not in text
    assert "owned" not in text
    assert "[red]name[/]" in text
    assert max(map(len, text.splitlines())) <= width


def test_clean_data_is_said_to_be_clean() -> None:
    text = drawn(data=[{"text": f"{w} {i * 7919}", "label": w} for i in range(200) for w in ("good", "bad")])
    assert "nothing to worry about" in text
