"""Telling which versions are installed reads no more of them than it must."""

from __future__ import annotations

import pytest

from merits.candidates import imports


def test_what_is_known_or_absent_is_told_without_reading_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_all() -> dict[str, list[str]]:
        raise AssertionError("all packages are read")

    monkeypatch.setattr(imports, "_distributions", read_all)
    imports._version.cache_clear()
    found = imports.versions("sklearn", "sklearn.linear_model", "numpy", "json", "there_is_no_such_module")
    assert found["json"] == found["there_is_no_such_module"] == ""
    assert found["sklearn"] == found["sklearn.linear_model"] == __import__("sklearn").__version__
    assert found["numpy"] == __import__("numpy").__version__
