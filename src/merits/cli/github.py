"""What GitHub Actions understands beside text: lines that mark an error, and the page of a step."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["error_line", "step_summary"]


def error_line(title: str, text: str) -> None:
    """In GitHub Actions, marks an error; on stderr, so that --json keeps stdout for itself."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from merits.core.secrets import redact

    one_line = redact(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::error title={title}::{one_line}", file=sys.stderr)


def step_summary(markdown: Callable[[], str]) -> None:
    """In GitHub Actions, adds to the page of the step."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as page:
            page.write(markdown())
