"""The hash of rows that are not held together is that of the list."""

from __future__ import annotations

import pytest

from merits.core.identity import content_hash, hash_of_rows


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, 1_250])
def test_rows_hash_as_their_list_does(n: int) -> None:
    """Stores of earlier versions stay in use: a task's id is the same however it is computed."""
    rows = [(f"row-{k}", {"b": k, "a": None}, "é") for k in range(n)]
    assert hash_of_rows(iter(rows)) == content_hash(rows)
    assert hash_of_rows(iter(rows), "classification", [("label", {}, "")]) == content_hash(
        ["classification", [("label", {}, "")], rows]
    )
