"""Pictures that a release made, as data URLs: clients cannot read our files."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from merits.core.identity import JSON
from merits.core.kinds import kind_names, task_kind
from merits.core.release import Release

__all__ = ["shown_output"]

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}


def shown_output(output: JSON, release: Release, folder: Path) -> JSON:
    """The output as clients are given it: as it is, but of a picture its content beside its name.

    Only files below the folder of the release are read, whatever the output says.
    """
    if not isinstance(output, Mapping) or release.kind not in kind_names():
        return output
    name = output.get("file")
    if task_kind(release.kind).target != "picture" or not isinstance(name, str):
        return output
    place = (folder / release.task_name / str(release.version)).resolve()
    file = (place / name).resolve()
    kind = _TYPES.get(file.suffix.lower())
    if kind is None or not file.is_relative_to(place) or not file.is_file():
        return output
    return {**output, "url": f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"}
