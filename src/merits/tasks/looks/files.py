"""What looks at pictures and at sounds share: the files that inputs name, and those that cannot be read."""

from __future__ import annotations

from pathlib import Path

from merits.tasks.looks.seeing import Finding, Sight

__all__ = ["named", "unreadable"]


def named(sight: Sight, type: str) -> list[tuple[int, Path]]:
    """The files of a type ("image/", "audio/") that inputs name, each with the position of its example, in order."""
    found = []
    for position, example in enumerate(sight.examples):
        for name, content in example.files.items():
            if content.startswith(type):
                file = sight.media.file(name)
                if file is not None:
                    found.append((position, file))
    return found


def unreadable(code: str, what: str, bad: list[tuple[str, str]], n: int) -> list[Finding]:
    """A finding on files that cannot be read, with the name and the reason of the first."""
    if not bad:
        return []
    return [
        Finding(
            code=code,
            text=f"{len(bad):,} of {n:,} {what} cannot be used: {bad[0][1]}",
            next_step="Replace them, or leave their examples out: every candidate would fail on them.",
        )
    ]
