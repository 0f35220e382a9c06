"""What inputs of a task are: their form, and for columns what each holds. Part of a release: others are refused.

Knows nothing about how it is found out or held against an input.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from merits.core.identity import JSON

__all__ = ["Column", "Form", "InputSchema", "Missing", "Sort"]

Form: TypeAlias = Literal["text", "columns", "messages", "picture", "sound", "list"]
Sort: TypeAlias = Literal["text", "number", "switch", "list", "record", "picture", "sound"]
Missing: TypeAlias = Literal["never", "null", "absent"]


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A column of inputs. `holds` are the sorts of its values (empty: any), `items` those in its lists.

    `missing` is whether a value may lack: never; as null (or left out, which is read as null); or left out, as in some
    examples. `examples` are usual values that say nothing of anybody: a number in the middle, categories that many
    examples share.
    """

    name: str
    holds: tuple[Sort, ...] = ()
    items: tuple[Sort, ...] = ()
    missing: Missing = "never"
    examples: tuple[JSON, ...] = ()


class InputSchema(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What inputs are: one of `forms` (empty: any), with `columns` where they have some.

    >>> age = Column(name="age", holds=("number",), missing="null", examples=(41,))
    >>> InputSchema(forms=("columns",), columns=(age,)).names
    ('age',)
    """

    forms: tuple[Form, ...] = ()
    columns: tuple[Column, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(column.name for column in self.columns)
