"""The benchmark of cascades and routers, on outcomes whose truth is known and on any file."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from benchmarks import __main__ as harness
from benchmarks import cascades
from benchmarks._outcomes import read_pool
from benchmarks._recovered import apgr, cpt, protocol

from merits.core.candidate import Candidate
from merits.core.errors import CandidateError, DataError
from merits.improving.composing.pool import Looking

EASY = 0.6


def rows_of(n: int, seed: int = 0) -> list[dict[str, object]]:
    """Questions in ten topics, told apart by words only; the weak one is as good as the strong one in six of them.

    Elsewhere it is right in 20 %, the strong one in 90 % everywhere; the weak one knows in most cases.
    """
    draw = np.random.default_rng(seed)
    found: list[dict[str, object]] = []
    for _ in range(n):
        topic = int(draw.integers(10))
        easy = topic < 10 * EASY
        words = [*(f"word{w}" for w in draw.integers(0, 300, 10)), *(f"t{topic}x{w}" for w in draw.integers(0, 8, 4))]
        right = draw.random() < (0.9 if easy else 0.2)
        found.append(
            {
                "text": " ".join(words),
                "subject": f"subject {topic}",
                "weak.score": int(right),
                "weak.cost": 0.001,
                "weak.confidence": round(float(draw.uniform(0.5, 1.0) if right else draw.uniform(0.2, 0.7)), 2),
                "weak.answer": "a" if right else "b",
                "strong.score": int(draw.random() < 0.9),
                "strong.cost": 0.02,
                "strong.answer": "a",
            }
        )
    return found


def written(path: Path, rows: list[dict[str, object]]) -> Path:
    """The rows as CSV or JSONL."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path


def test_the_protocol_of_two_with_a_text_finds_what_is_there(tmp_path: Path) -> None:
    """The best that can be known is the topic: all of the gap lies in 40 % of the questions, so APGR is 0.8."""
    pool = read_pool(written(tmp_path / "two.csv", rows_of(1500)))
    found = protocol(pool, 700, 2)
    best = 1.0 - 0.4 / 2.0
    assert found["the column subject"]["apgr"] == pytest.approx(best, abs=0.03)
    assert found["chosen from the text"]["apgr"] > 0.74
    assert found["chosen from the text"]["cpt50"] == pytest.approx(20.0, abs=6.0)
    assert found["random"]["apgr"] == pytest.approx(0.5, abs=0.06)
    assert found["prompt length, nothing learned"]["apgr"] < 0.6


def test_a_file_of_outcomes_is_searched_and_tested(tmp_path: Path) -> None:
    """All goals, with the simple ways beside: here the table of subjects saves most of what a router can."""
    path = written(tmp_path / "two.jsonl", rows_of(900))
    figures = cascades.main(["--outcomes", str(path), "--seeds", "2", "--labels", "300"])
    rows = figures["goals"]
    assert isinstance(rows, dict)
    certified = rows["two: 1 point, certified"]
    assert certified["saving_percent"] >= 30.0
    assert "the_column_subject_percent" in certified
    assert "length_percent" in certified
    assert "recovered_two" in figures
    assert "speed" not in figures
    assert cascades.table(figures).count("\n") == 1 + len(rows)


def test_csv_and_jsonl_are_read_alike(tmp_path: Path) -> None:
    rows = rows_of(60)
    first, second = (read_pool(written(tmp_path / f"two.{ending}", rows)) for ending in ("csv", "jsonl"))
    assert first.inputs == second.inputs
    assert np.array_equal(first.value, second.value)
    assert np.array_equal(first.said, second.said)
    assert first.words == ("a", "b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weak.score": 7}, "not from 0 to 1"),
        ({"weak.score": "good"}, "'weak.score'"),
        ({"weak.cost": None}, "'weak.cost'"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, change: dict[str, object], message: str) -> None:
    rows = rows_of(10)
    rows[4] |= change
    with pytest.raises(DataError, match=message):
        read_pool(written(tmp_path / "two.csv", rows))


def test_scores_of_two_are_needed(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in ("text", "weak.score", "weak.cost")} for row in rows_of(10)]
    with pytest.raises(DataError, match="scores of 1 candidates"):
        read_pool(written(tmp_path / "one.csv", rows))


def responses(folder: Path, n: int = 120) -> Path:
    """Files as RouteLLM's are: prompts of several lines, true or false of two models, columns in any order."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for subject, weak in {"mmlu_easy": 0.9, "mmlu_hard": 0.2}.items():
        rows: list[dict[str, object]] = []
        for k in range(n):
            judged = {"mixtral-8x7b-instruct-v0.1": draw.random() < weak, "gpt-4": draw.random() < 0.9}
            pairs = sorted(judged.items(), reverse=subject == "mmlu_easy")
            rows.append(
                {"prompt": f"Question {k}, of {subject}?\nA. yes\nB. no\nAnswer:"} | {m: bool(r) for m, r in pairs}
            )
        written(folder / f"{subject}.csv", rows)
    (folder / "notes.txt").write_text("no table")
    return folder


def test_a_folder_of_responses_is_one_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is a category, and no part of the text; the better one is taken to cost ten times as much."""
    pool = read_pool(responses(tmp_path / "mmlu"))
    assert [candidate.name for candidate in pool.candidates] == ["mixtral-8x7b-instruct-v0.1", "gpt-4"]
    assert (pool.n, set(pool.cost[0]), set(pool.cost[1])) == (240, {1.0}, {10.0})
    assert "--costs mixtral-8x7b-instruct-v0.1=1,gpt-4=10" in capsys.readouterr().err
    assert pool.inputs[0] == {"file": "mmlu_easy"}
    assert pool.inputs[-1] == {"file": "mmlu_hard"}
    assert pool.texts is not None
    assert pool.texts.lengths[0] == len("Question 0, of mmlu_easy?\nA. yes\nB. no\nAnswer:")
    assert float(pool.value[0, :120].mean()) > 0.8
    assert float(pool.value[0, 120:].mean()) < 0.3


def test_the_text_only_figure_never_sees_the_file(tmp_path: Path) -> None:
    """Where texts say nothing, what is chosen from them is no better than chance, and the file knows it all."""
    folder = responses(tmp_path / "mmlu", 400)
    for path in folder.glob("*.csv"):
        path.write_text(path.read_text().replace("mmlu_easy", "it").replace("mmlu_hard", "it"))
    found = protocol(read_pool(folder), 400, 2)
    assert found["the column file"]["apgr"] > 0.68
    assert found["chosen from the text"]["apgr"] == pytest.approx(0.5, abs=0.08)


def test_files_are_one_pool_where_that_is_said(tmp_path: Path) -> None:
    """Otherwise each is one of its own."""
    paths = [str(path) for path in sorted(responses(tmp_path / "mmlu").glob("*.csv"))]
    given = [
        "--outcomes",
        *paths,
        "--seeds",
        "1",
        "--labels",
        "60",
        "--costs",
        "gpt-4=10,mixtral-8x7b-instruct-v0.1=0.3",
    ]
    apart, together = cascades.main(given)["goals"], cascades.main([*given, "--together"])["goals"]
    assert isinstance(apart, dict)
    assert isinstance(together, dict)
    assert {name.split(":")[0] for name in apart} == {"mmlu_easy", "mmlu_hard"}
    assert {name.split(":")[0] for name in together} == {"mmlu_easy"}
    assert len(apart) == 2 * len(together)


def test_given_costs_go_before_assumed_ones(tmp_path: Path) -> None:
    pool = read_pool(responses(tmp_path / "mmlu"), costs={"gpt-4": 10.0, "mixtral-8x7b-instruct-v0.1": 0.3})
    assert pool.cost[:, 0].tolist() == [0.3, 10.0]


@pytest.mark.parametrize(
    ("files", "costs", "message"),
    [
        ({}, {}, "no file in .* is a table"),
        ({"a.csv": "prompt,x,y\nq,True,False\n", "b.csv": "prompt,x,z\nq,True,False\n"}, {}, "b.csv has other columns"),
        ({"a.csv": "prompt,file,x,y\nq,a,True,False\n"}, {}, "has a column 'file'"),
        ({"a.csv": "prompt,x,y\nq,True,perhaps\n"}, {}, "scores of 1 candidates"),
        ({"a.csv": "prompt,x,y\nq,True,False\n"}, {"X": 1.0}, "Did you mean 'x'"),
        ({"a.csv": "prompt,x,y\nq,True,False\n"}, {"x": 1.0}, "--costs y=1"),
        ({"a.jsonl": '{"prompt": "q", "x": true, "y": false}\n{"prompt":\n'}, {}, "a.jsonl, line 2"),
        ({"a.jsonl": "[1]\n"}, {}, "line 1 is no JSON object"),
    ],
)
def test_a_folder_that_is_wrong_says_what(
    tmp_path: Path, files: dict[str, str], costs: dict[str, float], message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_pool(tmp_path, costs=costs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--outcomes", "x.csv", "--costs", "gpt-4"], "no NAME=COST"),
        (["--outcomes", "x.csv", "--costs", "gpt-4=free"], "no NAME=COST"),
        (["--costs", "gpt-4=1"], "go with --outcomes"),
    ],
)
def test_wrong_options_say_what(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cascades.main(given)
    assert message in capsys.readouterr().err


def test_embeddings_are_looked_at_where_that_is_asked_for(tmp_path: Path) -> None:
    """Here they know the subject, and words do not."""
    rows = [row | {"text": f"word{number}"} for number, row in enumerate(rows_of(400))]
    pool = read_pool(written(tmp_path / "two.csv", rows))
    topics = np.array([int(str(row["subject"]).split()[1]) for row in rows])
    looking = Looking(Candidate(name="embedding", kind="embedding"), np.eye(10)[topics], np.zeros(400))
    found = protocol(replace(pool, looking=looking), 200, 2)
    assert found["words and embedding"]["apgr"] > found["words"]["apgr"] + 0.02
    assert found["chosen from the text"]["apgr"] >= found["words and embedding"]["apgr"] - 0.01


def test_texts_of_a_file_are_embedded(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    try:
        pool = read_pool(written(tmp_path / "two.csv", rows_of(12)), embeddings=True)
    except CandidateError:
        pytest.skip("the embedding model is not there; fetch it with `make assets`")
    assert pool.looking is not None
    assert pool.looking.vectors.shape == (12, 384)
    assert not pool.looking.cost.any()


def test_of_two_that_are_equally_good_nothing_is_recovered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row | {"strong.score": row["weak.score"]} for row in rows_of(60)]
    assert protocol(read_pool(written(tmp_path / "two.csv", rows)), 30, 2) == {}
    assert "no gap to recover" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    written(tmp_path / "two.jsonl", rows_of(3))
    with pytest.raises(DataError, match=r"no file .*tow.jsonl.*two.jsonl"):
        read_pool(tmp_path / "tow.jsonl")


def test_the_area_is_that_of_the_curve_point_by_point() -> None:
    """The slow definition beside the fast one, without ties."""
    draw = np.random.default_rng(0)
    scores, gains = draw.random(200), draw.integers(-1, 2, 200).astype(float) + 0.2
    order = np.argsort(-scores)
    curve = [gains[order[:k]].sum() / gains.sum() for k in range(201)]
    assert apgr(scores, gains) == pytest.approx(np.trapezoid(curve, dx=1 / 200))
    least = next(k for k, share in enumerate(curve) if share >= 0.8)
    assert cpt(scores, gains, 0.8) == pytest.approx(100.0 * least / 200)


def test_the_kept_figures_hold_what_was_promised() -> None:
    """No loss of accuracy against the best one alone: 85 % saved on AUDIOMNIST, 40 % on FERPLUS; 1,000 in under 5 s."""
    kept = msgspec.json.decode((harness.RESULTS / "cascades.json").read_bytes())["figures"]
    assert cascades.table(kept) in harness.PAGE.read_text("utf-8")
    for name, least in (("AUDIOMNIST", 85.0), ("FERPLUS", 40.0)):
        row = kept["goals"][f"{name}: no loss, certified"]
        assert row["saving_percent"] >= least
        assert row["change_points"] + row["change_reach"] >= 0.0
    assert kept["speed"]["cascades"] > 1_000
    assert kept["speed"]["search_cpu_seconds"] + kept["speed"]["thousand_played_cpu_seconds"] < 5.0
