"""merits compare and merits gate, as a person and a CI machine use them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from merits import flow, load_task
from merits.cli import parser
from tests.cli.conftest import Merits

PAGE = (Path(__file__).parents[2] / "docs" / "comparing.md").read_text("utf-8")
SCORES = "example,small,large\n" + "".join(f"e{i},{int(i % 2 == 0)},{int(i % 10 != 0)}\n" for i in range(200))


TASK = """\
name: flowers
kind: classification
data: flowers.csv
input: [a, b, c, d]
target: species
id: id
split: {method: stratified, test: 0.5, seed: 0}
candidates:
  - most-common
  - {name: tree, kind: sklearn, pipeline: [{estimator: sklearn.tree.DecisionTreeClassifier, params: {random_state: 0}}]}
"""


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small task on the flowers and a first run in its store, made once."""
    from sklearn.datasets import load_iris

    folder, iris = tmp_path_factory.mktemp("flowers"), load_iris()
    rows = [
        f"f{n},{','.join(str(x) for x in features)},{iris.target_names[species]}"
        for n, (features, species) in enumerate(zip(iris.data, iris.target, strict=True))
    ]
    (folder / "flowers.csv").write_text("\n".join(["id,a,b,c,d,species", *rows]) + "\n", "utf-8")
    (folder / "merits.yaml").write_text(TASK, "utf-8")
    flow.evaluate(load_task(folder / "merits.yaml"))
    return folder


@pytest.fixture
def flowers_run(first_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, as the working directory."""
    folder = tmp_path / "flowers"
    shutil.copytree(first_run, folder)
    monkeypatch.chdir(folder)
    return folder


def scores(folder: Path, name: str = "scores.csv", text: str = SCORES) -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


# comparing


def test_candidates_of_the_task_are_compared_by_name(flowers_run: Path, merits: Merits) -> None:
    first, second = "most-common", "tree"
    code, out, _ = merits("compare", first, second)
    assert code == 0
    assert f"{second} against {first}" in out
    assert "is better than" in out


def test_one_file_compares_all_its_candidates_with_the_first(tmp_path: Path, merits: Merits) -> None:
    """And needs no task."""
    code, out, err = merits("compare", scores(tmp_path), "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["schema"] == "merits.compare/1"
    (change,) = found["comparisons"]
    assert change["first"]["label"] == "small (scores.csv)"
    assert change["verdict"] == "better"
    assert {"value", "low", "high", "n", "method"} <= change["difference"].keys()
    assert len(change["gained"]) == 100


def test_two_files_compare_candidates_of_one_name(tmp_path: Path, merits: Merits) -> None:
    one, two = scores(tmp_path, "a.csv"), scores(tmp_path, "b.csv")
    code, out, _ = merits("compare", one, two, "--json")
    assert code == 3
    labels = [(c["first"]["label"], c["second"]["label"]) for c in json.loads(out)["comparisons"]]
    assert labels == [("small (a.csv)", "small (b.csv)"), ("large (a.csv)", "large (b.csv)")]
    code, out, _ = merits("compare", f"{one}:small", f"{two}:large", "--markdown")
    assert code == 0
    assert out.startswith("## 🟢 large")


def test_a_candidate_is_compared_with_what_it_was_in_an_earlier_run(flowers_run: Path, merits: Merits) -> None:
    """A changed recipe under the same name is what one wants to compare."""
    second = "tree"
    merits("run", "--only", second, "--quiet")
    code, out, _ = merits("compare", "--runs")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["@1", "@2"]
    code, out, _ = merits("compare", f"{second}@-1", second, "--json")
    assert code == 3
    (change,) = json.loads(out)["comparisons"]
    assert change["first"]["label"] == f"{second}@1"
    assert change["lost"] == change["gained"] == []
    assert merits("compare", "@1", "@2")[0] == 3


def test_the_json_of_a_run_is_a_results_file(flowers_run: Path, merits: Merits) -> None:
    _, out, _ = merits("run", "--json")
    (flowers_run / "run.json").write_text(out, "utf-8")
    first, second = "most-common", "tree"
    code, out, _ = merits("compare", f"run.json:{first}", second, "--json")
    assert code == 0
    assert json.loads(out)["comparisons"][0]["pairing"]["n_only_first"] == 0
    assert json.loads(out)["inputs"]


def test_inputs_of_another_task_are_not_shown_for_the_same_ids(flowers_run: Path, merits: Merits) -> None:
    """Example f0 of some file is not flower f0 because it is called so."""
    text = "example,small,large\n" + "".join(f"f{i},0,1\n" for i in range(150))
    _, out, _ = merits("compare", scores(flowers_run, "alien.csv", text), "--json")
    assert len(json.loads(out)["comparisons"][0]["gained"]) == 150
    assert json.loads(out)["inputs"] == {}


@pytest.mark.parametrize(
    ("words", "found", "next_step"),
    [
        ((), "nothing to compare", "merits compare small large"),
        (("most-comon", "x"), "neither a candidate nor a file", "Did you mean 'most-common'?"),
        (("score.csv", "x"), "there is no file score.csv", "Did you mean 'scores.csv'?"),
        (("most-common", "most-common@9"), "there is no run 9", "merits compare --runs"),
        (("scores.csv:smal",), "scores.csv has no candidate 'smal'", "Did you mean 'small'?"),
        (("most-common",), "one candidate only", "Name what"),
        (("scores.csv:small", "most-common"), "no example in common", "pair by id and input"),
        (("flowers.csv", "most-common"), "is no score from 0 to 1", "Give the scores alone"),
        (("merits.yaml:x", "most-common"), "4 values under 1 columns", "a file with results"),
    ],
)
def test_what_cannot_be_compared_says_why_and_what_next(
    flowers_run: Path, merits: Merits, words: tuple[str, ...], found: str, next_step: str
) -> None:
    scores(flowers_run)
    code, out, err = merits("compare", *words)
    assert (code, out) == (2, "")
    assert found in err
    assert next_step in err


# the gate


def test_a_baseline_saved_here_gates_a_clean_clone(flowers_run: Path, merits: Merits, tmp_path: Path) -> None:
    """A CI machine has the committed files, and no store."""
    second = "tree"
    code, _, err = merits("gate", "--save", "main", "--candidate", second)
    assert code == 0
    assert "saved baselines/main.json" in err
    shutil.rmtree(flowers_run / ".merits")
    code, out, _ = merits("gate", "--baseline", "main", "--margin", "20pt", "--json", "--junit", "gate.xml")
    assert code == 0
    found = json.loads(out)
    assert found["schema"] == "merits.gate/1"
    assert (found["gate"]["outcome"], found["gate"]["candidate"]) == ("passed", second)
    root = ElementTree.parse(flowers_run / "gate.xml").getroot()
    assert [suite.get("name") for suite in root] == [f"gate: {second}", f"examples: {second}"]


def test_a_margin_that_the_data_cannot_show_is_inconclusive(flowers_run: Path, merits: Merits) -> None:
    second = "tree"
    merits("gate", "--save", "main", "--candidate", second)
    code, out, _ = merits("gate", "--baseline", "main", "--margin", "0.5pt")
    assert code == 3
    assert "would settle it with probability 80 %" in " ".join(out.replace("│", " ").split())


def test_a_regression_fails_and_is_told_to_github(
    flowers_run: Path, merits: Merits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an error line, and on the page of the step; --json keeps stdout for itself."""
    first, second = "most-common", "tree"
    merits("gate", "--save", "main", "--candidate", second)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(flowers_run / "summary.md"))
    code, out, err = merits("gate", "--baseline", "main", "--candidate", first, "--margin", "1pt", "--json")
    assert code == 1
    assert json.loads(out)["gate"]["outcome"] == "failed"
    assert f"::error title=merits gate failed::{first} is worse than baseline main by more than 1 point" in err
    assert (flowers_run / "summary.md").read_text("utf-8").startswith(f"## 🔴 gate failed: {first}")


def test_a_gate_asks_only_what_is_not_stored(flowers_run: Path, merits: Merits) -> None:
    """After a run it asks nothing, and leaves the latest run as it is."""
    second = "tree"
    merits("gate", "--save", "main", "--candidate", second)
    merits("gate", "--baseline", "main", "--stored")
    merits("gate", "--baseline", "main")
    assert len(json.loads(merits("compare", "--runs", "--json")[1])["runs"]) == 1


def test_requirements_alone_can_be_gated_on(flowers_run: Path, merits: Merits) -> None:
    import yaml

    task = flowers_run / "merits.yaml"
    body = yaml.safe_load(task.read_text("utf-8"))
    body["needs"] = {"requirements": ["accuracy >= 0.5 @ 95%"]}
    task.write_text(yaml.safe_dump(body), "utf-8")
    first, second = "most-common", "tree"
    assert merits("gate", "--candidate", second)[0] == 0
    assert merits("gate", "--candidate", first)[0] == 1


def test_results_of_another_tool_are_gated_against_each_other(tmp_path: Path, merits: Merits) -> None:
    """Without a task, a key or a store: any two files of results."""
    path = scores(tmp_path)
    code, out, _ = merits("gate", "--baseline", path, "--results", path, "--candidate", "large", "--margin", "5pt")
    assert code == 0
    assert "gate passed" in out
    code, _, err = merits("gate", "--baseline", path, "--results", path)
    assert code == 2
    assert "holds several candidates: small, large" in err


def test_a_gate_that_fails_saves_nothing(flowers_run: Path, merits: Merits) -> None:
    first, second = "most-common", "tree"
    merits("gate", "--save", "main", "--candidate", second)
    before = (flowers_run / "baselines" / "main.json").read_bytes()
    code, _, err = merits("gate", "--baseline", "main", "--save", "main", "--candidate", first, "--margin", "1pt")
    assert code == 1
    assert "not saved" in err
    assert (flowers_run / "baselines" / "main.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "found", "next_step"),
    [
        (("--baseline", "main"), "no baseline 'main'", "merits gate --save main"),
        (("--candidate", "most-comon"), "no candidate is named", "Did you mean 'most-common'?"),
        (("--candidate", "most-common"), "nothing to gate on", "--baseline"),
        (("--save", "main"), "which candidate is gated?", "--candidate"),
        (("--save", "main", "--margin", "lots"), "--margin 'lots' is no share", "1pt"),
        (("--baseline", "x.csv"), "no baseline 'x.csv'", ""),
    ],
)
def test_a_gate_that_cannot_be_says_why_and_what_next(
    flowers_run: Path, merits: Merits, words: tuple[str, ...], found: str, next_step: str
) -> None:
    code, _, err = merits("gate", *words)
    assert code == 2
    assert found in err
    assert next_step in err


COMMANDS = re.findall(r"^merits ((?:compare|gate) [^#\n]*)", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_can_be_typed(command: str) -> None:
    """What stands in docs/comparing.md has the options that there are."""
    words = shlex.split(command)
    assert parser(words[0]).parse_args(words).verb == words[0]
