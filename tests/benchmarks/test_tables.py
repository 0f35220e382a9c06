"""The tables on the page of benchmarks are those of the kept figures, and are renewed with them."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import msgspec
import pytest
from benchmarks import __main__ as harness
from benchmarks._markdown import markdown, put

NAMES = ("calls", "faults", "resume")


@pytest.mark.parametrize("name", NAMES)
def test_the_table_on_the_page_is_that_of_the_kept_figures(name: str) -> None:
    """`python -m benchmarks NAME --keep` writes both."""
    kept = msgspec.json.decode((harness.RESULTS / f"{name}.json").read_bytes())
    table = importlib.import_module(f"benchmarks.{name}").table(kept["figures"])
    assert table in harness.PAGE.read_text("utf-8")
    assert {"merits", "promptfoo", "inspect", "pydantic-evals"} <= set(kept["figures"])


def test_the_table_of_limits_on_the_page_keeps_the_aims() -> None:
    """At 3 s nine tenths of each limit and at most a tenth refused, but for one a second and one at once."""
    kept = msgspec.json.decode((harness.RESULTS / "limits.json").read_bytes())
    assert importlib.import_module("benchmarks.limits").table(kept["figures"]) in harness.PAGE.read_text("utf-8")
    known = "60 requests a minute, 1.67 % of them at once, 3 s"
    slow = {name: cell for name, cell in kept["figures"].items() if name.endswith(" 3 s") and name != known}
    assert len(slow) >= 8
    assert all(cell["refused"] <= 10 and cell["throughput"] >= 90 for cell in slow.values())


def test_a_table_is_renewed_in_its_place_only(tmp_path: Path) -> None:
    """What stands around it stays."""
    page = Path(shutil.copy(harness.PAGE, tmp_path))
    before = page.read_text("utf-8")
    assert put(page, "faults", "| new |")
    head, _, rest = page.read_text("utf-8").partition("<!-- faults -->\n\n| new |\n\n<!-- /faults -->")
    assert before.startswith(head)
    assert before.endswith(rest)
    assert rest
    assert not put(page, "no such table", "| new |")


def test_what_a_tool_does_not_tell_is_no_record_and_never_nothing() -> None:
    """An unknown bill is not 0; a tool that was skipped says why."""
    columns = {"calls": "calls", "money": "USD", "right": "right"}
    figures = {"a": {"calls": 0, "money": None, "right": False}, "b": {"skipped": "b is not installed"}}
    assert markdown(columns, figures).splitlines()[2:] == [
        "| a | 0 | no record | no |",
        "| b | skipped: b is not installed | | |",
    ]
