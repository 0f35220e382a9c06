"""Reads a folder of data: what Hugging Face `datasets` saves to disk, files named after their splits, or pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from merits.core.errors import DataError
from merits.core.identity import JSON
from merits.media.finding import is_media
from merits.tasks.rows import Row, Table, join, read

__all__ = ["labelled_files", "only_table", "read_folder", "split_files"]

_NAMES = ("train", "dev", "validation", "valid", "val", "test")


def read_folder(path: Path, name: str) -> Table:
    """The table of a folder, with the split that each row came in.

    Understood are `Dataset.save_to_disk` and `DatasetDict.save_to_disk` (Arrow files with their `state.json`), and a
    folder, or its `data` folder, whose files are named train, validation, test (`train-00000-of-00002.parquet` too).
    Class labels that the data set stores as numbers come back as their names. A folder of folders with pictures or
    sounds in them (`cats/1.png`, or `train/cats/1.png`) is a table of their names and labels: see `labelled_files`.
    """
    if (path / "dataset_dict.json").exists():
        parts = _json(path / "dataset_dict.json", name).get("splits")
        names = [str(part) for part in parts] if isinstance(parts, list) else []
        if not names:
            raise DataError(f"{name} names no splits.", "Save the data set again with save_to_disk.")
        return join(name, [(split, _saved(path / split, f"{name}/{split}")) for split in names])
    if (path / "state.json").exists():
        return _saved(path, name)
    files = split_files(path) or split_files(path / "data")
    if not files:
        found = labelled_files(path, name)
        if found is not None:
            return found
        n_media = len([file for file in path.iterdir() if is_media(file.name)])
        if n_media:
            raise DataError(
                f"{name} holds {n_media:,} pictures or sounds, and nothing says what they are.",
                "Put those of a label into a folder of its own, called like the label; or name a table (CSV, JSONL) "
                "with a column of their names and a column with what is right.",
            )
        raise DataError(
            f"{name} is a folder without data that can be read.",
            "Name a data file, or a folder with files named train and test, or one written by save_to_disk, or one "
            "with a folder of pictures for each label.",
        )
    return join(name, [(split, read(file, name=f"{name}/{file.relative_to(path)}")) for split, file in files])


def labelled_files(path: Path, name: str) -> Table | None:
    """A row for each picture or sound in the folders of a folder, each labelled with its folder's name; None for none.

    The layouts are those of `ImageFolder` in torchvision and in `datasets`: LABEL/FILE, or SPLIT/LABEL/FILE where
    every folder is named after a split. Folders inside a label's count too; hidden ones do not. The columns are
    `input` (the path from the folder) and `label`. DataError for a label's folder that holds nothing that can be read.
    """
    labels = _folders(path)
    splits = [folder for folder in labels if folder.name.lower() in _NAMES and _folders(folder)]
    if splits and len(splits) == len(labels):
        splits.sort(key=lambda folder: _NAMES.index(folder.name.lower()))
        return join(name, [(folder.name.lower(), _labelled(path, _folders(folder), name)) for folder in splits])
    files = [file for folder in labels for file in _media(folder)]
    return _labelled(path, labels, name) if files else None


def _labelled(root: Path, labels: Sequence[Path], name: str) -> Table:
    rows: list[Row] = []
    for folder in labels:
        files = _media(folder)
        if not files:
            raise DataError(
                f"{name}: the folder {folder.relative_to(root).as_posix()} holds no picture and no sound.",
                "Fill it, or take it away: each folder is a label.",
            )
        rows += [{"input": file.relative_to(root).as_posix(), "label": folder.name} for file in files]
    return Table(name, ("input", "label"), rows)


def _folders(path: Path) -> list[Path]:
    return [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]


def _media(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if is_media(file.name) and file.is_file()]


def only_table(path: Path) -> Path | None:
    """The data file of a folder, where there is one only, no file is named after a split and no data set is saved."""
    if not path.is_dir() or (path / "dataset_dict.json").exists() or (path / "state.json").exists():
        return None
    if split_files(path) or split_files(path / "data"):
        return None
    files = [file for file in path.iterdir() if file.is_file() and _is_data(file) and not file.name.startswith(".")]
    return files[0] if len(files) == 1 else None


def split_files(path: Path) -> list[tuple[str, Path]]:
    """The data files of a folder that are named after a split, with that split's name: train first, test last."""
    if not path.is_dir():
        return []
    found = []
    for file in sorted(path.iterdir()):
        stem = file.name.split(".")[0].split("-")[0].lower()
        if file.is_file() and stem in _NAMES and _is_data(file):
            found.append((stem, file))
    return sorted(found, key=lambda pair: _NAMES.index(pair[0]))


def _is_data(file: Path) -> bool:
    endings = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow")
    return file.name.lower().removesuffix(".gz").endswith(endings)


def _saved(path: Path, name: str) -> Table:
    from merits.tasks.frames import arrow_table, to_table

    files = _json(path / "state.json", name).get("_data_files")
    if not isinstance(files, list) or not files:
        raise DataError(f"{name}/state.json names no data files.", "Save the data set again with save_to_disk.")
    labels = _class_labels(path / "dataset_info.json", name)
    tables = []
    for file in files:
        filename = str(cast("Mapping[str, JSON]", file)["filename"])
        if not (path / filename).exists():
            raise DataError(f"{name} lacks its file {filename}.", "Save the data set again with save_to_disk.")
        tables.append(to_table(arrow_table(path / filename, f"{name}/{filename}"), name))
    rows = [_named(row, labels) for table in tables for row in table.rows]
    return Table(name, tables[0].columns, rows)


def _class_labels(path: Path, name: str) -> dict[str, Sequence[JSON]]:
    if not path.exists():
        return {}
    features = _json(path, name).get("features")
    labels: dict[str, Sequence[JSON]] = {}
    for column, feature in (features if isinstance(features, dict) else {}).items():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature["names"], list):
            labels[column] = feature["names"]
    return labels


def _named(row: Row, labels: Mapping[str, Sequence[JSON]]) -> Row:
    """The row with class codes replaced by names; -1, which `datasets` writes for "no label", by null."""
    for column, names in labels.items():
        code = row.get(column)
        if isinstance(code, int):
            row = {**row, column: names[code] if 0 <= code < len(names) else None}
    return row


def _json(path: Path, name: str) -> dict[str, JSON]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, JSON])
    except (OSError, msgspec.MsgspecError) as problem:
        raise DataError(f"cannot read {name}/{path.name}: {problem}.", "Save the data set again.") from None
