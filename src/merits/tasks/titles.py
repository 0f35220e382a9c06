"""What items are called, read from a table of its own."""

from __future__ import annotations

from pathlib import Path

from merits.core.errors import DataError
from merits.core.validate import did_you_mean
from merits.tasks.definition import TitlesPart
from merits.tasks.rows import read
from merits.tasks.source import Source

__all__ = ["titles_of"]

_CUSTOMARY = ("item", "item_id", "itemid", "product_id", "movie_id", "article_id", "id")


def titles_of(part: TitlesPart, folder: Path, source: Source) -> dict[str, str]:
    """The title of each item that has one, by what identifies it. DataError for a column that is not there."""
    table = read(part.data, folder)
    item = part.item or next((name for name in _CUSTOMARY if name in table.columns), "item")
    for name in (item, part.title):
        if name not in table.columns:
            raise DataError(
                f"{source.at('events', 'titles')}: {table.name} has no column {name!r}; "
                f"it has {', '.join(table.columns)}.",
                did_you_mean(name, table.columns),
            )
    pairs = ((row.get(item), row.get(part.title)) for row in table.rows)
    return {str(key).strip(): " ".join(str(title).split()) for key, title in pairs if title not in (None, "")}
