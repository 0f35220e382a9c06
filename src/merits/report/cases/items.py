"""Recommendations: the list that was given, best first, with those that were right marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.task import Example
from merits.report.cases.blocks import Block, Files, Item, Items, blocks_of
from merits.report.plain import one_line

__all__ = ["ASIDE", "shown_input", "shown_reply", "shown_target"]

ASIDE = True
_MOST = 10
_BESIDE_ITEMS = ("times", "ratings")  # columns of a run of events that say nothing to a reader without its items


def shown_input(example: Example, files: Files) -> tuple[Block, ...]:
    """Who is asked for, with the latest of what they chose before."""
    if not isinstance(example.input, Mapping):
        return blocks_of(example.input, files)
    blocks: list[Block] = []
    for name, value in example.input.items():
        if name in _BESIDE_ITEMS:
            continue
        if isinstance(value, Sequence) and not isinstance(value, str):
            latest = [Item(_name(one), False) for one in list(value)[-_MOST:]]
            blocks.append(Items(tuple(latest), len(value) - len(latest)))
        else:
            blocks += blocks_of({name: value}, files)
    return tuple(blocks)


def shown_target(example: Example, files: Files) -> tuple[Block, ...]:
    """What was chosen later."""
    names = [_name(one) for one in _list(example.target)]
    return (Items(tuple(Item(name, True) for name in names[:_MOST]), max(0, len(names) - _MOST)),) if names else ()


def shown_reply(example: Example, answer: Answer, files: Files) -> tuple[Block, ...]:
    """The first ten of the list, marked where they were chosen later."""
    right = {_id(one) for one in _list(example.target)}
    given = _list(answer.output)
    shown = tuple(Item(_name(one), _id(one) in right) for one in given[:_MOST])
    return (Items(shown, len(given) - len(shown)),) if shown else ()


def _list(value: JSON) -> Sequence[JSON]:
    if isinstance(value, Mapping):
        value = value.get("items")
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [] if value is None else [value]


def _id(item: JSON) -> str:
    return str(item.get("item", item.get("id"))) if isinstance(item, Mapping) else str(item)


def _name(item: JSON) -> str:
    if isinstance(item, Mapping) and item.get("title"):
        return one_line(item["title"], 60)
    return one_line(_id(item), 60)
