"""Films for people: MovieLens-100K, split by time, with top-10 lists.

The ratings are for research use (GroupLens): they are read out of a package when the example is run, and are no part of
this repository.
"""

from __future__ import annotations

import csv
from pathlib import Path

from examples.fetching import Asset

__all__ = ["ASSETS", "prepare"]

_PACKAGE = "recbole==1.2.1"
_INSIDE = "recbole/dataset_example/ml-100k"

ASSETS = (
    Asset(
        target="ml-100k/ml-100k.inter",
        package=_PACKAGE,
        member=f"{_INSIDE}/ml-100k.inter",
        sha256="4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    ),
    Asset(
        target="ml-100k/ml-100k.item",
        package=_PACKAGE,
        member=f"{_INSIDE}/ml-100k.item",
        sha256="51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    ),
)


def prepare(assets: Path, data: Path) -> None:
    """Writes ratings.csv (user, film, rating, time) and films.csv (film, title, genres)."""
    data.mkdir(parents=True, exist_ok=True)
    ratings = _rows(assets / "ml-100k" / "ml-100k.inter")
    _write(data / "ratings.csv", ("user", "film", "rating", "time"), ratings)
    films = ((film, f"{title} ({year})", genres.replace(" ", "|")) for film, title, year, genres in _films(assets))
    _write(data / "films.csv", ("film", "title", "genres"), films)


def _films(assets: Path) -> list[list[str]]:
    return _rows(assets / "ml-100k" / "ml-100k.item")


def _rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return rows[1:]  # the first names the columns, with their types


def _write(file: Path, columns: tuple[str, ...], rows: object) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)  # type: ignore[arg-type]
