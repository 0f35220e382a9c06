"""Every text that a user can write can stand in a chart."""

from __future__ import annotations

import xml.dom.minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merits.report.drawings.canvas import draw, values
from merits.report.drawings.labels import fitting, pixels


def drawn(names):
    """A chart with these names on its axis, as the converter made it, which aborts the process on what it dislikes."""
    return draw(
        "names",
        "",
        lambda width: {
            "data": values([{"n": n} for n in fitting(names, width.names)]),
            "mark": "text",
            "encoding": {"y": {"field": "n", "type": "nominal"}, "text": {"field": "n"}},
        },
    )


@pytest.mark.parametrize("start", [0, 0x80, 0x2000, 0xD7F0, 0xFDC0, 0xFFF0, 0x1F5F0, 0xE0000, 0x10FFF0])
def test_characters_of_every_kind_are_drawn(start):
    """Controls, halves of pairs, marks of direction, noncharacters, emoji, tags, private use."""
    names = [chr(code) * 40 for code in range(start, min(start + 60, 0x110000))]
    chart = drawn(names)
    for svg in (chart.wide, chart.narrow):
        xml.dom.minidom.parseString(svg.encode())


@given(st.lists(st.text(), max_size=8), st.integers(30, 200))
def test_cut_names_fit_and_stay_different(names, room):
    """Two candidates on one line of a chart would be read as one."""
    found = fitting(names, room)
    assert len(set(found)) == len(names)
    assert all(pixels(name) <= room + 30 for name in found)


def test_short_names_stay_as_they_are():
    """Nothing is changed without need."""
    assert fitting(["a", "emoji 🙂", "日本"], 100) == ["a", "emoji 🙂", "日本"]
