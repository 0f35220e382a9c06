"""Where model files lie that were fetched and not installed. Knows nothing about what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["asset_folders"]


def asset_folders(folder: Path, env: Mapping[str, str]) -> list[Path]:
    """The folders to look in: MERITS_ASSETS alone when it is set, else `.assets` beside the task and above.

    >>> asset_folders(Path("."), {"MERITS_ASSETS": "/models"})
    [PosixPath('/models')]
    """
    named = env.get("MERITS_ASSETS")
    if named:
        return [Path(named)]
    above = folder.resolve()
    return [place / ".assets" for place in dict.fromkeys([above, *above.parents[:3], Path.cwd()])]
