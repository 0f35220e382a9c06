"""merits import, on files that the tools really wrote, and on tables."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest

import merits as library
from merits.cli import parser
from merits.core.outcome import Status
from merits.store import open_store
from tests.cli.conftest import Merits

FIXTURES = Path(__file__).parents[1] / "evaluating" / "importing" / "fixtures"
TABLE = "candidate,example,score,cost,latency,input\n" + "".join(
    f"{name},e{i},{int(i % every != 0)},{cost},0.2,question {i}\n"
    for name, every, cost in (("small", 2, 0.001), ("large", 20, 0.01))
    for i in range(60)
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory, with the tools' files in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("large.eval", "small.eval", "killed.eval"):
        (tmp_path / name).write_bytes((FIXTURES / "inspect" / name).read_bytes())
    for path in (FIXTURES / "promptfoo").glob("*.gz"):
        (tmp_path / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    for model in ("large", "small"):
        (samples,) = (FIXTURES / "lm-eval" / model).glob("samples_*")
        (tmp_path / model).mkdir()
        (tmp_path / model / samples.stem).write_bytes(gzip.decompress(samples.read_bytes()))
    (tmp_path / "table.csv").write_text(TABLE, "utf-8")
    return tmp_path


def runs(path: Path) -> int:
    """How many evaluations a store holds."""
    store = open_store(path / ".merits" / "store.sqlite", write=False)
    try:
        return len(store.runs())
    finally:
        store.close()


def said(merits: Merits, *words: str) -> dict[str, object]:
    """What a command prints as JSON."""
    code, out, err = merits(*words, "--json")
    assert code in (0, 1, 3), err
    value: dict[str, object] = json.loads(out)
    return value


def test_two_logs_of_inspect_become_one_evaluation(merits: Merits, folder: Path) -> None:
    """One file for each model: paired on examples, epochs as repeats, failed apart from wrong."""
    code, out, err = merits("import", "large.eval", "small.eval")
    assert (0, "") == (code, err)
    assert "Inspect: 12 examples, asked up to 2 times, of 2 candidates, from large.eval, small.eval" in out
    assert "openai/gpt-4o-small: costs not recorded for every answer, and so unknown." in out
    assert "2 of 24 of openai/gpt-4o-large failed" in re.sub(r"[\s│]+", " ", out)
    task = library.load_task("merits.yaml")
    assert ("capitals", 12, 2) == (task.name, len(task.split("test")), task.settings.repeats)
    assert ("Capital of France?", "Paris", {"continent": "Europe"}) == (
        task.examples[0].input,
        task.examples[0].target,
        task.examples[0].tags,
    )


def test_the_other_verbs_work_on_what_was_imported(merits: Merits) -> None:
    """That is what it is imported for."""
    merits("import", "large.eval", "small.eval")
    first = said(merits, "report")
    assert "undecided" == first["decision"]["verdict"]  # type: ignore[index]
    assert "24 rows in 12 groups" in merits("explain-decision")[1]
    compared = merits("compare", "openai/gpt-4o-large", "openai/gpt-4o-small")[1]
    assert "Capital of Italy?" in compared
    assert 0 == merits("check")[0]


def test_a_price_in_the_task_file_prices_the_imported_tokens(merits: Merits, folder: Path) -> None:
    """2 input tokens, 1 from a cache and 1 output token at France: prices are applied on reading."""
    merits("import", "large.eval", "small.eval")
    path = folder / "merits.yaml"
    priced = path.read_text("utf-8").replace(
        'task: "capitals"}', 'task: "capitals", price: {input_per_million: 1000000, output_per_million: 0}}'
    )
    path.write_text(priced, "utf-8")
    outcomes = said(merits, "report")["outcomes"]
    cost = {column["name"]: column["cost"] for column in outcomes["candidates"]}  # type: ignore[index]
    assert 3.0 == cost["openai/gpt-4o-large"][0]
    assert 3.0 == cost["openai/gpt-4o-small"]  # once, because all cost the same


def test_a_price_by_token_is_no_price_where_tokens_are_unknown(merits: Merits, folder: Path) -> None:
    """Nothing recorded is not nothing spent."""
    merits("import", "table.csv")
    path = folder / "merits.yaml"
    path.write_text(path.read_text("utf-8").replace('task: "table"}', 'task: "table", price: {input_per_million: 1}}'))
    outcomes = said(merits, "report")["outcomes"]
    assert all("cost" not in column for column in outcomes["candidates"])  # type: ignore[index]


def test_the_costs_of_a_table_decide(merits: Merits, folder: Path) -> None:
    """Where a case has a worth, the costs that were imported are part of the decision."""
    merits("import", "table.csv")
    path = folder / "merits.yaml"
    path.write_text(path.read_text("utf-8").replace("  # worth_of_solved: 0.50", "  worth_of_solved: 0.50"), "utf-8")
    decision = said(merits, "report")["decision"]
    assert ("adopt", "large") == (decision["verdict"], decision["candidate"])  # type: ignore[index]
    path.write_text(path.read_text("utf-8").replace("worth_of_solved: 0.50", "worth_of_solved: 0.001"), "utf-8")
    decision = said(merits, "report")["decision"]
    assert "large" != decision["candidate"]  # type: ignore[index]


def test_a_latency_that_is_not_recorded_meets_no_requirement(merits: Merits, folder: Path) -> None:
    """0 seconds would be fast."""
    (folder / "wide.csv").write_text("id,a,b\n" + "".join(f"e{i},1,{i % 2}\n" for i in range(80)), "utf-8")
    merits("import", "wide.csv")
    path = folder / "merits.yaml"
    text = path.read_text("utf-8").replace("  # requirements:", "  requirements:").replace("  #   - p95", "    - p95")
    path.write_text(text, "utf-8")
    decision = said(merits, "report")["decision"]
    assert "undecided" == decision["verdict"]  # type: ignore[index]
    met = {result["met"] for s in decision["standings"] for result in s["requirements"]}  # type: ignore[index]
    assert not met & {"met", "not met"}


def test_importing_twice_changes_nothing(merits: Merits, folder: Path) -> None:
    """The same files, one of them, or the same results in another format."""
    merits("import", "results.json")
    before = {name: (folder / name).read_bytes() for name in ("merits.yaml", "capitals-examples.jsonl")}
    for files in (["results.json"], ["results.jsonl"], ["results.json", "results.jsonl"]):
        code, _, err = merits("import", *files)
        assert code == 0
        assert "nothing new" in err
    assert 1 == runs(folder)
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_a_second_import_adds_a_candidate(merits: Merits, folder: Path) -> None:
    """Models are often evaluated one after the other."""
    merits("import", "large.eval")
    done = said(merits, "import", "small.eval")
    assert (False, True) == (done["drafted"], done["changed"])
    names = [column["name"] for column in done["outcomes"]["candidates"]]  # type: ignore[index]
    assert ["openai/gpt-4o-large", "openai/gpt-4o-small"] == names
    together = said(merits, "import", "large.eval", "small.eval")
    assert not together["changed"]
    assert 2 == runs(folder)


def test_answers_are_kept_and_scored_anew_without_asking(merits: Merits, folder: Path) -> None:
    """Answers are facts: merits run takes all of them from the store."""
    merits("import", "small.eval")
    assert 0 == said(merits, "run", "--dry-run")["n_to_ask"]
    done = said(merits, "run")
    (column,) = done["outcomes"]["candidates"]  # type: ignore[index]
    assert 14 == column["outcomes"].count("S")


def test_what_was_said_is_in_the_report(merits: Merits, folder: Path) -> None:
    """The page shows what a candidate got wrong, as after a run."""
    merits("import", "large.eval", "small.eval")
    assert "Atlantis" in (folder / "capitals-report.html").read_text("utf-8")


def test_samples_of_the_harness_become_one_evaluation(merits: Merits) -> None:
    """One folder for each model, as the harness writes them."""
    files = [str(path) for path in sorted(Path().glob("*/samples_*.jsonl"))]
    done = said(merits, "import", *files)
    letters = {c["name"]: c["outcomes"] for c in done["outcomes"]["candidates"]}  # type: ignore[index]
    assert {"large": 10, "small": 7} == {name: outcomes.count("S") for name, outcomes in letters.items()}


def test_what_was_not_recorded_is_unknown_also_when_scored_anew(merits: Merits, folder: Path) -> None:
    """The harness records neither latency nor tokens: 0 seconds would be fast, 0 tokens cheap."""
    merits("import", *(str(path) for path in sorted(Path().glob("*/samples_*.jsonl"))))
    path = folder / "merits.yaml"
    text = path.read_text("utf-8").replace('task: "capitals"}', 'task: "capitals", price: {input_per_million: 1}}')
    text = text.replace("  # requirements:", "  requirements:").replace("  #   - p95", "    - p95")
    path.write_text(text, "utf-8")
    done = said(merits, "run", "--no-race")
    assert all("cost" not in column for column in done["outcomes"]["candidates"])  # type: ignore[index]
    met = {result["met"] for s in done["decision"]["standings"] for result in s["requirements"]}  # type: ignore[index]
    assert not met & {"met", "not met"}


def test_two_differing_outcomes_are_an_error_or_repeats(merits: Merits, folder: Path) -> None:
    """Which of the two counts is not for us to guess."""
    (folder / "first.csv").write_text("candidate,example,score\na,x,1\na,y,1\nb,x,1\nb,y,0\n", "utf-8")
    (folder / "second.csv").write_text("candidate,example,score\na,x,0\na,y,1\n", "utf-8")
    code, _, err = merits("import", "first.csv", "second.csv")
    assert code == 2
    assert "second.csv, row 2: 'a' scored 0 and did not solve example 'x'" in err
    assert "at first.csv, row 2 it solved it" in err
    assert "--repeats" in err
    assert not (folder / "merits.yaml").exists()
    done = said(merits, "import", "first.csv", "second.csv", "--repeats")
    assert [0, 1, 0, 1] == done["outcomes"]["repeats"]  # type: ignore[index]


def test_a_file_that_contradicts_what_was_imported_is_refused(merits: Merits, folder: Path) -> None:
    """Also when the earlier one was imported another day; under a name of its own it is another candidate."""
    (folder / "first.csv").write_text("candidate,example,score\na,x,1\na,y,1\n", "utf-8")
    (folder / "second.csv").write_text("candidate,example,score\na,x,0\na,y,1\n", "utf-8")
    merits("import", "first.csv")
    code, _, err = merits("import", "second.csv")
    assert code == 2
    assert "an earlier import" in err
    done = said(merits, "import", "later=second.csv")
    assert ["a", "later"] == [c["name"] for c in done["outcomes"]["candidates"]]  # type: ignore[index]
    assert 2 == runs(folder)


def test_different_inputs_under_one_id_are_an_error(merits: Merits, folder: Path) -> None:
    """Two data sets that both number their rows from 1."""
    (folder / "first.csv").write_text("candidate,example,score,input\na,1,1,cats\na,2,1,dogs\n", "utf-8")
    (folder / "second.csv").write_text("candidate,example,score,input\nb,1,1,cars\nb,2,1,bikes\n", "utf-8")
    code, _, err = merits("import", "first.csv", "second.csv")
    assert code == 2
    assert "second.csv, row 2: example '1' has another input than at first.csv, row 2" in err
    merits("import", "first.csv")
    code, _, err = merits("import", "second.csv")
    assert code == 2
    assert "second.csv, row 2: example '1' has another input there than in the task" in err


def test_results_on_other_examples_are_refused(merits: Merits, folder: Path) -> None:
    """Candidates without a common example cannot be compared; nor do they belong to this task."""
    (folder / "first.csv").write_text("candidate,example,score\na,x,1\na,y,1\n", "utf-8")
    (folder / "second.csv").write_text("candidate,example,score\nb,p,1\nb,q,1\n", "utf-8")
    code, _, err = merits("import", "first.csv", "second.csv")
    assert code == 2
    assert "'a' has no example that another candidate has" in err
    merits("import", "first.csv")
    code, _, err = merits("import", "second.csv")
    assert code == 2
    assert "example 'p' is none of the 2 test examples of 'first'" in err
    assert 0 == merits("import", "second.csv", "--name", "other")[0]
    assert (folder / "other.yaml").exists()


def test_two_measures_are_not_compared(merits: Merits) -> None:
    """Inspect's exact match and promptfoo's verdict are not one score."""
    code, _, err = merits("import", "large.eval", "results.json")
    assert code == 2
    assert "large.eval is scored by 'exact' and results.json by 'score'" in err


def test_results_join_a_task_of_ones_own(merits: Merits, folder: Path) -> None:
    """The tool's examples are found by their input, whatever it calls them."""
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text("utf-8").splitlines()]
    asked = dict.fromkeys(row["vars"]["input"] for row in rows)
    lines = [json.dumps({"id": f"case-{n}", "input": text, "target": "?"}) for n, text in enumerate(asked)]
    (folder / "mine.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "mine.yaml").write_text(
        "name: mine\nkind: generation\ndata: {test: mine.jsonl}\nscorers: [exact]\ncandidates: [most-common]\n",
        "utf-8",
    )
    done = said(merits, "import", "results.json", "--task", "mine.yaml")
    assert not done["drafted"]
    assert {f"case-{n}" for n in range(12)} == set(done["outcomes"]["examples"])  # type: ignore[index]


def test_what_failed_is_stored_as_a_failure_and_no_secret_with_it(folder: Path) -> None:
    """Failed is not wrong, also after an import in Python."""
    done = library.import_results({"large": folder / "large.eval"}, task=folder / "inspect.yaml")
    evaluation = done.run.evaluation
    assert ("large",) == evaluation.names
    assert [0, 22, 2, 0] == [int((evaluation.status == status).sum()) for status in Status]
    store = open_store(folder / ".merits" / "store.sqlite", write=False)
    answers = store.answers(evaluation.versions[0]).values()
    store.close()
    assert ["bad_request", "bad_request"] == [a.failure.kind for a in answers if a.failure is not None]
    assert 22 == sum(answer.failure is None for answer in answers)


def test_an_input_of_several_variables_is_kept_whole(merits: Merits, folder: Path) -> None:
    """promptfoo's tests often have more than one."""
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        row["vars"] = {"question": row["vars"]["input"], "n": row["testIdx"]}
    (folder / "several.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert 0 == merits("import", "several.jsonl")[0]
    assert {"question": "Capital of France?", "n": 0} == library.load_task("merits.yaml").examples[0].input


def test_a_draft_that_cannot_be_loaded_is_not_left_behind(merits: Merits, folder: Path) -> None:
    """An example without a name is none; the next try must not find half a task."""
    (folder / "bad.csv").write_text("candidate,example,score\na, ,1\na,y,1\n", "utf-8")
    code, _, _ = merits("import", "bad.csv")
    assert code == 2
    assert not (folder / "merits.yaml").exists()
    assert not (folder / "bad-examples.jsonl").exists()


def test_what_failed_elsewhere_is_not_to_be_asked_again_here(merits: Merits, folder: Path) -> None:
    """merits run cannot ask what it has no model for; the tool can, and its answer then stands for the failure."""
    rows = "".join(f"a,e{i},{int(i % 2)},\nb,e{i},1,\n" for i in range(20))
    (folder / "first.csv").write_text(f"candidate,example,score,error\n{rows}a,last,,504\nb,last,1,\n", "utf-8")
    (folder / "retried.csv").write_text(f"candidate,example,score,error\n{rows}a,last,1,\nb,last,1,\n", "utf-8")
    decision = said(merits, "import", "first.csv")["decision"]
    reasons = [reason["text"] for reason in decision["reasons"] if reason["code"] == "failures"]  # type: ignore[index]
    (why,) = reasons
    assert why.startswith("a failed on 1 of 21. a was imported, and what it failed on cannot be asked again here")
    assert "run again" not in json.dumps(decision).lower()
    assert "run again" not in merits("compare", "a", "b")[1].lower()
    done = said(merits, "import", "retried.csv")
    (first, _) = done["outcomes"]["candidates"]  # type: ignore[index]
    assert (True, 0) == (done["changed"], first["outcomes"].count("F"))
    back = said(merits, "import", "first.csv")
    assert not back["changed"]
    assert 2 == runs(folder)


def test_repeats_may_come_another_day(merits: Merits, folder: Path) -> None:
    """What the message of two differing outcomes says to do, works; and twice is once."""
    for day, solved in (("monday", "1"), ("tuesday", "0")):
        (folder / f"{day}.csv").write_text(f"candidate,example,score\na,x,{solved}\na,y,1\nb,x,1\nb,y,1\n", "utf-8")
    merits("import", "monday.csv", "--name", "days")
    code, _, err = merits("import", "tuesday.csv", "--name", "days")
    assert (2, True) == (code, "--repeats" in err)
    done = said(merits, "import", "tuesday.csv", "--name", "days", "--repeats")
    assert [0, 1, 0, 1] == done["outcomes"]["repeats"]  # type: ignore[index]
    for files in (["tuesday.csv"], ["monday.csv"]):
        assert not said(merits, "import", *files, "--name", "days", "--repeats")["changed"]


@pytest.mark.parametrize(
    ("words", "code", "found"),
    [
        (["import", "scores.csv", "--metric", "f1"], 0, "table: 4 examples"),
        (["import", "scores.csv", "--metric", "f2"], 2, "scores.csv has no column 'f2'"),
        (["import", "scores.csv", "--metric", "cost"], 2, "There are: f1, score. Name one: --metric f1"),
        (["import", "wide.csv", "--metric", "f1"], 2, "a column of scores for each candidate"),
        (["import", "results.json", "--solved-at", "0.5"], 0, "promptfoo: 12 examples"),
        (["compare", "large", "small", "--metric", "f1"], 2, "none is named here"),
    ],
)
def test_every_way_to_read_a_score_is_followed_or_refused(
    merits: Merits, folder: Path, words: list[str], code: int, found: str
) -> None:
    """An option that is passed over in silence leads to a decision about something else."""
    rows = [(name, i, int(i % 2 == 0), 0.9 if name == "a" else 0.25) for name in "ab" for i in range(4)]
    table = "".join(f"{name},e{i},{score},{f1},0.01\n" for name, i, score, f1 in rows)
    (folder / "scores.csv").write_text(f"candidate,example,score,f1,cost\n{table}", "utf-8")
    (folder / "wide.csv").write_text("id,a,b\nx,1,0\ny,1,1\n", "utf-8")
    if words[0] == "compare":
        merits("init", "scores.csv", "--target", "score", "--input", "example")
        (folder / "merits.yaml").write_text(
            "name: s\nkind: generation\ndata: {test: scores.csv}\ninput: example\ntarget: score\nscorers: [exact]\n"
            "candidates: [{name: large, kind: constant, output: '1'}, {name: small, kind: constant, output: '0'}]\n",
            "utf-8",
        )
        assert merits("run", "--quiet")[0] in (0, 3)
    got, out, err = merits(*words)
    assert (code, True) == (got, found in out + err), out + err


def test_another_column_of_scores_is_what_is_decided_on(merits: Merits, folder: Path) -> None:
    """And what counts as solved of it is said by --solved-at."""
    rows = "".join(f"{name},e{i},1,{0.9 if name == 'a' else 0.25}\n" for name in "ab" for i in range(4))
    (folder / "scores.csv").write_text(f"candidate,example,score,f1\n{rows}", "utf-8")
    done = library.import_results("scores.csv", metric="f1", solved_at=0.5)
    evaluation = done.run.evaluation
    assert ("f1", ["a", "b"]) == (evaluation.scorer, list(evaluation.names))
    assert [1.0, 0.0] == evaluation.solved.mean(axis=1).tolist()
    assert not evaluation.tags


def test_an_unfinished_run_says_so(merits: Merits) -> None:
    """What is missing is not failed, and the reader is told."""
    _, out, _ = merits("import", "killed.eval")
    assert "started: the run did not finish." in out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["nothing.eval"], "there is no file nothing.eval"),
        (["large.eval", "--metric", "exct"], "large.eval has no score 'exct'"),
        (["a=large.eval", "small.eval"], "not every file has a name of its own"),
        (["one=results.json"], "results.json holds several candidates: large, small"),
    ],
)
def test_what_cannot_be_done_says_why(merits: Merits, words: list[str], found: str) -> None:
    """With the next step, and nothing written."""
    code, _, err = merits("import", *words)
    assert code == 2
    assert found in err
    assert not Path("merits.yaml").exists()


PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text("utf-8")


@pytest.mark.parametrize("command", re.findall(r"^merits (import [^#\n]*)", PAGE, re.MULTILINE))
def test_every_command_of_the_page_can_be_typed(command: str) -> None:
    """What stands in docs/importing.md has the options that there are."""
    assert parser("import").parse_args(shlex.split(command)).verb == "import"
