"""Tables of outcomes, long and wide, as spreadsheets and other tools write them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from merits.core.errors import DataError
from merits.core.outcome import Status
from merits.evaluating.importing import Reading, read_results, read_scores
from merits.evaluating.importing.table import read_table

WIDE = "example,small,large\na,1,0.5\nb,0,\nc,0.25,1\n"
LONG = """candidate,example,score,cost,latency,error,language
small,a,1,0.01,0.5,,en
small,b,0,0.01,0.4,,de
large,a,,0.02,,,en
large,b,,,,timeout,de
"""


def write(folder: Path, text: str, name: str = "scores.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_wide_table_is_a_matrix_of_scores(tmp_path: Path) -> None:
    """An empty cell is unknown, not 0."""
    scores = read_scores(write(tmp_path, WIDE))
    assert scores.names == ("small", "large")
    assert scores.examples == ("a", "b", "c")
    assert scores.values.tolist() == [[1.0, 0.0, 0.25], [0.5, 0.0, 1.0]]
    assert scores.known.tolist() == [[True, True, True], [True, False, True]]


def test_a_long_table_is_the_same_matrix(tmp_path: Path) -> None:
    scores = read_scores(write(tmp_path, LONG))
    assert scores.names == ("small", "large")
    assert scores.known.tolist() == [[True, True], [False, False]]


def test_parquet_and_gzip_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    """Whatever the file is called."""
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"small": [1.0, 0.0], "large": [0.5, None]}), tmp_path / "one.data")
    (tmp_path / "two.data").write_bytes(gzip.compress(b"small,large\n1,0.5\n0,\n"))
    one, two = read_scores(tmp_path / "one.data"), read_scores(tmp_path / "two.data")
    assert one.names == two.names == ("small", "large")
    assert np.array_equal(one.values, two.values)
    assert one.known.tolist() == two.known.tolist() == [[True, True], [True, False]]
    assert one.examples == ("1", "2")


def test_failed_unscored_and_missing_are_told_apart(tmp_path: Path) -> None:
    evaluation = read_table(write(tmp_path, LONG), Reading()).evaluation()
    small, large = evaluation.index("small"), evaluation.index("large")
    assert evaluation.status[small].tolist() == [Status.SCORED, Status.SCORED]
    assert evaluation.status[large].tolist() == [Status.UNSCORED, Status.FAILED]
    assert evaluation.solved[small].tolist() == [True, False]
    assert evaluation.tags["language"].tolist() == ["en", "de"]
    wide = read_table(write(tmp_path, WIDE), Reading()).evaluation()
    assert wide.status[1].tolist() == [Status.SCORED, Status.MISSING, Status.SCORED]


def test_a_candidate_with_an_unknown_cost_has_no_price(tmp_path: Path) -> None:
    """An unknown price is never 0."""
    unknown = LONG.replace("small,b,0,0.01", "small,b,0,")
    assert read_table(write(tmp_path, LONG), Reading()).evaluation().priced.tolist() == [True, True]
    assert read_table(write(tmp_path, unknown), Reading()).evaluation().priced.tolist() == [False, True]


def test_what_counts_as_solved_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path, WIDE)
    assert read_table(path, Reading()).evaluation().solved.tolist() == [[True, False, False], [False, False, True]]
    assert read_table(path, Reading(solved_at=0.5)).evaluation().solved.tolist() == [
        [True, False, False],
        [True, False, True],
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("example,small\na,1\nb,two\n", "row 3: 'two' in column 'small' is no score from 0 to 1"),
        ("example,small\na,1\nb,2\n", "row 3: '2' in column 'small' is no score"),
        ("candidate,example,score\nx,a,1\nx,a,0\n", "row 3: a second outcome of 'x' on example 'a'"),
        ("candidate,example,scores\nx,a,1\n", "has no column 'score'. Did you mean 'scores'?"),
        ("candidate,question,score\nx,a,1\n", "has no column 'example'; it has candidate, question, score"),
        ("example,small\na\n", "row 2: 1 values under 2 columns"),
        ("small,small\n1,1\n", "two columns 'small'"),
        ("", "holds no scores"),
        ("candidate,example,score,cost\nx,a,1,-3\n", "row 2: the cost is -3"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(DataError) as problem:
        read_table(write(tmp_path, text), Reading()).evaluation()
    assert found in str(problem.value)
    assert problem.value.next_step


def test_a_file_that_is_not_there_names_the_near_miss(tmp_path: Path) -> None:
    write(tmp_path, WIDE)
    with pytest.raises(DataError, match=r"there is no file .*score\.csv\. Did you mean .scores\.csv."):
        read_scores(tmp_path / "score.csv")


@pytest.mark.parametrize("reading", [read_scores, lambda path: read_table(path, Reading())])
def test_a_wide_tables_facts_are_no_candidates(tmp_path: Path, reading: Callable[[Path], object]) -> None:
    """A column of costs from 0 to 1 would be evaluated, and might be adopted."""
    path = tmp_path / "wide.csv"
    path.write_text("id,gpt,claude,cost,difficulty\n1,1,0,0.2,0.5\n2,0,1,0.1,0.9\n", "utf-8")
    with pytest.raises(DataError, match="but 'cost', 'difficulty' are no candidate") as caught:
        reading(path)
    assert "Take them out" in caught.value.next_step
    path.write_text("id,gpt,claude,low-cost\n1,1,0,1\n2,0,1,0\n", "utf-8")
    assert read_scores(path).names == ("gpt", "claude", "low-cost")


def test_packed_json_is_told_to_be_unpacked(tmp_path: Path) -> None:
    """A packed export is no table with too few columns."""
    path = tmp_path / "results.json.gz"
    path.write_bytes(gzip.compress(b'{"results": {"version": 3, "results": []}}'))
    with pytest.raises(DataError, match="compressed JSON") as caught:
        read_results(path)
    assert caught.value.next_step == "Unpack it: gunzip results.json.gz"
