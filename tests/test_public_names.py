"""The list of promises, the lightness of the import, and the completeness of the documentation."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import merits
from merits.core import errors

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "scipy", "sklearn", "pandas", "pyreqwest", "rich", "jinja2", "msgspec", "yaml", "asyncio")


@pytest.mark.parametrize("name", merits.__all__)
def test_every_public_name_is_importable(name: str) -> None:
    assert getattr(merits, name) is not None


@pytest.mark.parametrize("name", [name for name in merits.__all__ if name != "__version__"])
def test_every_public_name_is_documented(name: str) -> None:
    """In its docstring, and on the page of the Python interface."""
    assert inspect.getdoc(getattr(merits, name))
    assert re.search(rf"`merits\.{name}\b", (ROOT / "docs" / "python.md").read_text("utf-8"))


def test_the_promises_are_sorted_and_have_one_home_each() -> None:
    assert sorted(merits.__all__) == merits.__all__
    assert set(merits.__all__) - {"__version__"} == set(merits._HOMES)


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        merits.evalute  # noqa: B018


def test_importing_merits_imports_nothing_heavy() -> None:
    """`import merits` stays cheap for those who only want `merits --help`."""
    code = "import sys, merits; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(loaded)


def test_every_error_code_is_explained() -> None:
    explained = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for name in errors.__all__:
        assert f"`{getattr(errors, name).code}`" in explained, name
