"""What a model says cannot do anything to a terminal or a page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.report.plain import clean, cut, one_line


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;Y2xpcGJvYXJk\x07x", "x"),
        ("\x9b31mred", "red"),
        ("\x1b]0;never closed", ""),
        ("\x1b", ""),
        ("bell\x07 null\x00 del\x7f", "bell null del"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("a\u2066b\u2069", "ab"),
        ("over\rwritten", "over\nwritten"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("naïve 東京 🙂", "naïve 東京 🙂"),
    ],
)
def test_escapes_and_controls_are_taken_out(hostile, expected):
    """Colours, titles, links, the clipboard, and marks that turn the reading direction."""
    assert clean(hostile) == expected


@given(st.text())
def test_no_control_is_ever_left(text):
    """Whatever is put together of them; and cleaning twice changes nothing."""
    cleaned = clean(text)
    assert not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in cleaned)
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


@given(st.text(), st.integers(2, 50))
def test_cutting_keeps_to_the_length(text, longest):
    """Tables rely on it."""
    assert len(cut(text, longest)) <= longest
    assert len(one_line(text, longest)) <= longest
    assert "\n" not in one_line(text, longest)


def test_a_huge_output_is_cut_without_being_read_to_its_end():
    """A model may answer with megabytes."""
    assert cut("a" * 10_000_000, 10) == "a" * 9 + "…"
