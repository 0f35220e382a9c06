"""What is shown of a text holds no secret, and no piece of one, wherever the text is cut."""

from __future__ import annotations

import pytest

from merits.core.secrets import register, shown, shown_values

KEY = "zq7Xw2Kp9Lm4Rt8Vb3Nc6Yd1Hg5Jf0Sa"
PIECES = [KEY[at : at + 4] for at in range(len(KEY) - 3)]


@pytest.mark.parametrize("longest", [100, 200, 300, 500])
def test_no_piece_of_a_secret_stays_where_a_text_is_cut(longest: int) -> None:
    """The start of a key is known to nobody, so nothing later would take it out."""
    register(KEY)
    for padding in range(longest + 10):
        text = f"{'é' * padding}{KEY} refused"
        for found in (shown(text, longest), shown(text.encode(), longest), shown_values(text, longest)):
            assert len(found) <= longest
            assert not any(piece in found for piece in PIECES)


@pytest.mark.parametrize("n_before", range(65_536 - 40, 65_540))
def test_no_piece_stays_where_a_very_long_text_is_cut_before_it_is_read(n_before: int) -> None:
    """Only the first 64 kB are read; a secret over that end is dropped whole, however much is shown."""
    register(KEY)
    found = shown(b"x" * n_before + KEY.encode(), 70_000)
    assert len(found) > 65_000
    assert not any(piece in found for piece in PIECES)
