"""Rows come from anywhere, and what is broken is named by file and line."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from merits.core.errors import DataError
from merits.tasks.rows import read

EXPECTED = [{"text": "good", "label": "yes"}, {"text": "bad, really", "label": "no"}]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", 'text,label\ngood,yes\n"bad, really",no\n'),
        ("rows.csv", '\ufefftext,label\r\ngood,yes\r\n"bad, really",no'),
        ("rows.csv", "text;label\ngood;yes\nbad, really;no\n"),
        ("rows.tsv", "text\tlabel\ngood\tyes\n\nbad, really\tno\n"),
        ("rows.jsonl", '{"text": "good", "label": "yes"}\n\n{"text": "bad, really", "label": "no"}\n'),
        ("rows.json", json.dumps(EXPECTED)),
        ("rows.json", json.dumps({"data": EXPECTED})),
        ("rows.json", json.dumps({"data": EXPECTED}, indent=2)),
        ("rows.json", "\n".join(json.dumps(row) for row in EXPECTED)),
        ("rows.csv.gz", gzip.compress(b'text,label\ngood,yes\n"bad, really",no\n', mtime=0)),
    ],
)
def test_text_formats_hold_the_same_rows(tmp_path: Path, name: str, content: str | bytes) -> None:
    """A byte order mark, blank lines, semicolons and line ends are matters of the file, not of the rows."""
    table = read(write(tmp_path, name, content))
    assert list(table.rows) == EXPECTED
    assert table.columns == ("text", "label")


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.feather", "stream.arrow"])
def test_arrow_formats_hold_the_same_rows(tmp_path: Path, name: str) -> None:
    """Both Arrow layouts occur: the file format, and the stream format of Hugging Face."""
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    table = arrow.Table.from_pylist(EXPECTED)
    path = tmp_path / name
    if name.endswith("parquet"):
        parquet.write_table(table, path)
    elif name.startswith("stream"):
        with arrow.OSFile(str(path), "wb") as sink, arrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        feather.write_feather(table, path)
    assert list(read(path).rows) == EXPECTED


@pytest.mark.parametrize("kind", ["pandas", "polars", "polars lazy", "pyarrow", "mappings", "generator"])
def test_objects_hold_the_same_rows(kind: str) -> None:
    import pandas
    import polars
    import pyarrow

    made = {
        "pandas": lambda: pandas.DataFrame(EXPECTED),
        "polars": lambda: polars.DataFrame(EXPECTED),
        "polars lazy": lambda: polars.LazyFrame(EXPECTED),
        "pyarrow": lambda: pyarrow.Table.from_pylist(EXPECTED),
        "mappings": lambda: EXPECTED,
        "generator": lambda: (row for row in EXPECTED),
    }
    assert list(read(made[kind]()).rows) == EXPECTED


def test_what_no_json_holds_becomes_plain() -> None:
    """Examples are hashed and stored as JSON: missing is null, dates are texts, numpy's numbers are numbers."""
    import pandas

    rows = [{"n": np.float32(0.5), "i": np.int64(3), "d": date(2026, 1, 2), "m": Decimal("1.5"), "a": np.arange(2)}]
    assert list(read(rows).rows) == [{"n": 0.5, "i": 3, "d": "2026-01-02", "m": 1.5, "a": [0, 1]}]
    frame = pandas.DataFrame({"n": [1.5, None], "t": [pandas.Timestamp("2026-01-02"), pandas.NaT]})
    assert list(read(frame).rows) == [{"n": 1.5, "t": "2026-01-02T00:00:00"}, {"n": None, "t": None}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", "a,b\n1,2\n1,2,3\n", ["rows.csv, line 3", "3 values", "2 columns"]),
        ("rows.csv", 'a,b\n"one\ntwo",2\n1\n', ["rows.csv, line 4", "1 values"]),
        ("rows.csv", 'a,b\n1,2\n"open,2\n3,4\n', ["rows.csv, line 3", "never closed"]),
        ("rows.csv", 'a,b\n"x"y,2\n', ["rows.csv, line 2", "quote"]),
        ("rows.csv", "a,b,a\n1,2,3\n", ["rows.csv, line 1", "2 columns are 'a'"]),
        ("rows.csv", "", ["rows.csv is empty"]),
        ("rows.csv", "a,b\n", ["rows.csv has no rows"]),
        ("rows.csv", "a,b\n1,2\ncaf\xe9,2\n".encode("latin1"), ["rows.csv, line 3", "0xe9", "Latin-1", "iconv"]),
        ("rows.csv", "a,b\n1,2\n".encode("utf-16"), ["UTF-16", "iconv -f utf-16"]),
        ("rows.csv", "a,b\n1,\x00\n", ["rows.csv, line 2", "NUL"]),
        ("rows.csv.gz", b"\x1f\x8b\x08broken", ["not a whole gzip file"]),
        ("rows.jsonl", '{"a": 1}\n{"a": \n', ["rows.jsonl, line 2", "broken JSON", '{"a":']),
        ("rows.jsonl", '{"a": 1}\n\n[1]\n', ["rows.jsonl, line 3", "expected an object", "[1]"]),
        ("rows.jsonl", '{"a": ' + "[" * 5000, ["rows.jsonl, line 1", "broken JSON"]),
        ("rows.json", '[{"a": 1},\n{"a" 2}]', ["rows.json, line 2", "broken JSON"]),
        ("rows.json", '{"a": 1}\n{"a": ', ["rows.json, line 2", "broken JSON"]),
        ("rows.json", '{"rows": 1}', ["not a list of rows"]),
        ("rows.json", "[1]", ["rows.json, row 1", "object"]),
        ("rows.json", "[]", ["has no rows"]),
        ("rows.parquet", b"PAR1 broken", ["rows.parquet is not a whole Parquet file"]),
        ("rows.arrow", b"broken", ["rows.arrow is not a whole Arrow file"]),
        ("rows.xlsx", b"PK", ["'.xlsx'", ".csv"]),
    ],
)
def test_broken_files_are_named_with_their_line(
    tmp_path: Path, name: str, content: str | bytes, said: list[str]
) -> None:
    """A guess at what a broken row means would go unnoticed into every number."""
    write(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        read(name, tmp_path)
    for words in said:
        assert words in str(caught.value)


def test_a_missing_file_names_the_near_one(tmp_path: Path) -> None:
    write(tmp_path, "tickets.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"Did you mean 'tickets\.csv'\?"):
        read("tikets.csv", tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        read("nowhere/tickets.csv", tmp_path)


@pytest.mark.parametrize("data", [5, {"a": [1]}, b"text", [1, 2], [{"a": object()}], [{"a": float("inf")}]])
def test_objects_that_hold_no_rows_are_refused(data: object) -> None:
    with pytest.raises(DataError):
        read(data)


def test_fields_longer_than_the_csv_modules_limit_are_read(tmp_path: Path) -> None:
    """Documents pass 131,072 characters; the module's global limit is the same afterwards."""
    import csv

    before = csv.field_size_limit()
    path = write(tmp_path, "rows.csv", f"text,label\n{'x' * 200_000},yes\n")
    assert len(str(read(path).rows[0]["text"])) == 200_000
    assert before == csv.field_size_limit()


def test_separators_inside_a_text_do_not_break_its_row(tmp_path: Path) -> None:
    """U+2028 and form feeds are text; only line feeds end a line of the file."""
    path = write(tmp_path, "rows.csv", "text,label\none\u2028two\x0cthree,yes\n")
    assert read(path).rows[0]["text"] == "one\u2028two\x0cthree"


def test_files_are_read_from_several_threads(tmp_path: Path) -> None:
    """The csv module's limit is global and is set while a file is read."""
    path = write(tmp_path, "rows.csv", "text,label\n" + f"{'x' * 150_000},yes\n" * 5)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(read(path).rows))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5] * 8


def saved_dataset(path: Path, rows: list[dict[str, object]], names: list[str]) -> None:
    """What `datasets` writes with save_to_disk, in the parts that matter."""
    import pyarrow

    path.mkdir(parents=True)
    table = pyarrow.Table.from_pylist(rows)
    with (
        pyarrow.OSFile(str(path / "data-00000-of-00001.arrow"), "wb") as sink,
        pyarrow.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    (path / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    features = {"label": {"names": names, "_type": "ClassLabel"}, "text": {"dtype": "string", "_type": "Value"}}
    (path / "dataset_info.json").write_text(json.dumps({"features": features}))


def test_a_saved_dataset_comes_with_its_splits_and_label_names(tmp_path: Path) -> None:
    """Codes mean nothing to a chat model that is told the allowed labels."""
    pytest.importorskip("pyarrow")
    for split, text in (("train", "good"), ("test", "bad")):
        saved_dataset(tmp_path / "set" / split, [{"text": text, "label": 1}, {"text": "?", "label": -1}], ["no", "yes"])
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    table = read("set", tmp_path)
    assert list(table.splits) == ["train", "train", "test", "test"]
    assert [row["label"] for row in table.rows] == ["yes", None, "yes", None]
    assert table.where(2) == "set/test, row 1"
    assert not read("set/train", tmp_path).splits


def test_a_folder_of_files_named_after_splits(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", "train-00000-of-00002.csv", "text,label\na,x\n")
    write(tmp_path / "data", "train-00001-of-00002.csv", "text,label\nb,x\n")
    write(tmp_path / "data", "test-00000-of-00001.csv", "text,label\nc,y\n")
    table = read(tmp_path)
    assert [(row["text"], split) for row, split in zip(table.rows, table.splits, strict=True)] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "test"),
    ]
    assert table.where(2).endswith("test-00000-of-00001.csv, line 2")


def test_a_folder_without_data_says_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="files named train and test"):
        read(tmp_path)
    write(tmp_path, "state.json", "{}")
    with pytest.raises(DataError, match="names no data files"):
        read(tmp_path)
