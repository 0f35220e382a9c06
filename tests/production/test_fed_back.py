"""What became of requests, learned later: from a file, and from a judge within a budget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from merits.core.doors import LiveStore
from merits.core.errors import DataError, TaskError, UsageError
from merits.core.live import Feedback
from merits.core.release import ContentPolicy
from merits.core.task import Task
from merits.production.fed_back import add_feedback, judge_live
from merits.store import open_live
from merits.tasks.file import load_task
from merits.testing.contracts.live_store import release, served
from merits.testing.provider import FakeProvider

DAY = 86_400.0
NOW = 20_000 * DAY + 3_600.0


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveStore]:
    store = open_live(tmp_path / "live.sqlite")
    yield store
    store.close()


def task_in(folder: Path, more: str = "") -> Task:
    rows = "".join(f"q{n},question {n},answer {n}\n" for n in range(12))
    (folder / "data.csv").write_text("id,input,target\n" + rows)
    text = f"name: tickets\ndata: data.csv\nkind: generation\ncandidates: [{{kind: constant, output: x}}]\n{more}"
    (folder / "merits.yaml").write_text(text)
    return load_task(folder / "merits.yaml")


def test_labels_are_added_once_and_all_of_them(tmp_path: Path, live: LiveStore) -> None:
    """Unknown, twice, contradicting: counted and said; read again, nothing comes twice."""
    task = task_in(tmp_path)
    live.add([served("r1"), served("r2")])
    path = tmp_path / "labels.csv"
    path.write_text("request,target,by\nr1,ham,eva\nr2,egg,eva\nr2,ham,bob\nnobody,egg,eva\nr1,ham,eva\n")
    added = add_feedback(task, path, live=live)
    assert (added.n_rows, added.n_added, added.n_again) == (5, 4, 1)
    assert (added.unknown, added.contradicting) == (("nobody",), ("r2",))
    assert [each.target for each in live.feedback_on(["r2"])["r2"]] == ["egg", "ham"]
    assert live.feedback_on(["nobody"])["nobody"][0].source == "label"
    again = add_feedback(task, path, live=live)
    assert (again.n_added, again.n_again, again.contradicting) == (0, 5, ("r2",))
    path.write_text("request,target\nr2,egg\n")
    assert add_feedback(task, path, live=live).n_added == 1  # somebody thought better of it
    assert [each.target for each in live.feedback_on(["r2"])["r2"]] == ["egg", "ham", "egg"]


def test_json_lines_hold_what_tables_cannot(tmp_path: Path, live: LiveStore) -> None:
    """Targets of any shape, and each row's own source."""
    path = tmp_path / "labels.jsonl"
    path.write_text(
        '{"request": "r1", "target": ["a", "b"], "at": 5.0}\n{"request": "r2", "solved": false, "source": "user"}\n'
    )
    assert add_feedback(task_in(tmp_path), path, live=live).n_added == 2
    first, second = (live.feedback_on(["r1", "r2"])[name][0] for name in ("r1", "r2"))
    assert (first.target, first.at, first.source) == (["a", "b"], 5.0, "label")
    assert (second.solved, second.source) == (False, "user")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("request,target\nr1,\n", "labels.csv, line 2: nothing is said of the request"),
        ("request,target\n,ham\n", "labels.csv, line 2: the request is empty"),
        ("request,solved\nr1,1\nr2,maybe\n", "labels.csv, line 3: solved is 'maybe'. Write 1 or 0"),
        ("request,score\nr1,7\n", "line 2: the score is '7'. Scores go from 0"),
        ("request,solved,source\nr1,1,gossip\n", "line 2: the source is 'gossip'. It is one of label, user, judge"),
        ("request,solved,at\nr1,1,soon\n", "line 2: the time is 'soon'"),
        ("requset,target\nr1,ham\n", "no column 'request'; it has requset, target. Did you mean 'requset'?"),
        ("request,text\nr1,ham\n", "no column 'target' or 'solved' or 'score'; it has request, text"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_nothing_of_it_is_added(
    tmp_path: Path, live: LiveStore, text: str, said: str
) -> None:
    """With file and line."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        add_feedback(task_in(tmp_path), path, live=live)
    assert said.partition(" Did you")[0] in str(caught.value)
    assert list(live.feedback("tickets")) == []


def test_a_label_in_a_file_names_a_class(tmp_path: Path, live: LiveStore) -> None:
    """A mistyped one would count against the model: it is told with its line, and nothing is added."""
    rows = "".join(f"q{n},question {n},{('ham', 'egg')[n % 2]}\n" for n in range(12))
    (tmp_path / "data.csv").write_text("id,input,target\n" + rows)
    text = "name: tickets\ndata: data.csv\nkind: classification\ncandidates: [{kind: constant, output: ham}]\n"
    (tmp_path / "merits.yaml").write_text(text)
    task, path = load_task(tmp_path / "merits.yaml"), tmp_path / "labels.csv"
    path.write_text("request,target\nr1,ham\nr2,hma\n")
    with pytest.raises(DataError) as caught:
        add_feedback(task, path, live=live)
    assert "labels.csv, line 3: the label is 'hma', which is none of the classes" in str(caught.value)
    assert caught.value.next_step == "Did you mean 'ham'?"
    assert list(live.feedback("tickets")) == []
    path.write_text("request,target\nr1,HAM\n")
    assert add_feedback(task, path, live=live).n_added == 1
    assert live.feedback_on(["r1"])["r1"][0].target == "ham"


@pytest.mark.parametrize(("keep", "comment"), [(False, ""), (True, "ask [e-mail]")])
def test_texts_in_a_file_are_redacted(tmp_path: Path, live: LiveStore, keep: bool, comment: str) -> None:
    """As the release that answered has it."""
    live.add([replace(release(1), content=ContentPolicy(keep=keep)), served("r1")])
    path = tmp_path / "labels.csv"
    path.write_text("request,target,comment\nr1,Dear anna@shop.example,ask eva@shop.example\n")
    assert add_feedback(task_in(tmp_path), path, live=live).n_added == 1
    assert add_feedback(task_in(tmp_path), path, live=live).n_again == 1
    kept = live.feedback_on(["r1"])["r1"]
    assert [(one.target, one.comment) for one in kept] == [("Dear [e-mail]", comment)]


def judged_task(folder: Path, provider: FakeProvider) -> Task:
    judge = f"""
scorers:
  - kind: judge
    model: {{kind: chat, model: m, base_url: "{provider.base_url}", price: {{per_call: 0.5}}}}
"""
    return task_in(folder, judge)


def verdict(messages: object) -> str:
    """Yes to all that is polite."""
    return '{"reason": "polite", "verdict": "yes"}' if "please" in str(messages) else '{"verdict": "no", "reason": ""}'


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(reply=verdict) as one:
        yield one


def test_a_judge_looks_once_at_what_chance_drew(tmp_path: Path, live: LiveStore, provider: FakeProvider) -> None:
    """Each verdict is feedback of the source judge, on the arm that it is about."""
    task = judged_task(tmp_path, provider)
    live.add([replace(served(f"r{n}", "please" if n % 2 else "go", at=NOW), input=f"q {n}") for n in range(40)])
    live.add([replace(served("r1", "shadow", arm="shadow", at=NOW), input="q 1")])
    live.add([served("without content", at=NOW), replace(served("old", at=NOW - 9 * DAY), input="q")])
    foreseen = judge_live(task, share=1.0, dry_run=True, live=live, clock=lambda: NOW)
    assert (foreseen.n_judged, foreseen.left, foreseen.spent, provider.ledger.n_requests) == (0, 41, 0.0, 0)
    done = judge_live(task, share=1.0, live=live, clock=lambda: NOW)
    assert (done.n_judged, done.n_unjudged, done.left) == (41, 0, 0)
    assert done.spent == pytest.approx(0.5 * provider.ledger.n_requests)
    said = live.feedback_on(["r1", "r2"])
    assert [(one.source, one.solved, one.arm) for one in said["r1"]] == [
        ("judge", True, "champion"), ("judge", False, "shadow"),
    ]  # fmt: skip
    n_asked = provider.ledger.n_requests
    assert judge_live(task, share=1.0, live=live, clock=lambda: NOW).n_judged == 0
    assert provider.ledger.n_requests == n_asked


def test_a_day_has_a_budget(tmp_path: Path, live: LiveStore, provider: FakeProvider) -> None:
    """What was spent today counts, also by an earlier call; tomorrow it begins anew."""
    task = judged_task(tmp_path, provider)
    live.add([replace(served(f"r{n}", f"answer {n}", at=NOW), input=f"q {n}") for n in range(60)])
    first = judge_live(task, share=1.0, budget=5.0, live=live, clock=lambda: NOW)
    assert 10 <= first.n_judged <= 13
    assert first.n_judged + first.left == 60
    assert judge_live(task, share=1.0, budget=5.0, live=live, clock=lambda: NOW + 60).n_judged == 0
    tomorrow = judge_live(task, share=1.0, budget=5.0, live=live, clock=lambda: NOW + DAY)
    assert 10 <= tomorrow.n_judged <= 13


def test_a_share_is_drawn_by_the_request_alone(tmp_path: Path, live: LiveStore, provider: FakeProvider) -> None:
    """The same ones, however often it is asked: chance decides, not what they were."""
    task = judged_task(tmp_path, provider)
    live.add([replace(served(f"r{n}", "x", at=NOW), input=f"q {n}") for n in range(400)])
    done = judge_live(task, share=0.1, live=live, clock=lambda: NOW)
    assert 20 <= done.n_judged <= 60
    assert judge_live(task, share=0.1, live=live, clock=lambda: NOW).n_judged == 0


def test_what_cannot_be_judged_is_said(tmp_path: Path, live: LiveStore) -> None:
    """No judge, no price, no share."""
    with pytest.raises(TaskError, match="no scorer that is a judge"):
        judge_live(task_in(tmp_path), live=live)
    with pytest.raises(UsageError, match="the share is 0"):
        judge_live(task_in(tmp_path), share=0.0, live=live)
    unpriced = task_in(tmp_path, 'scorers: [{kind: judge, model: {kind: constant, output: "yes"}}]\n')
    with pytest.raises(UsageError, match="no price, so no budget"):
        judge_live(unpriced, budget=1.0, live=live)


def test_feedback_is_of_this_task_alone(tmp_path: Path, live: LiveStore) -> None:
    """Ids are unique, tasks are many."""
    live.add([Feedback(request="r1", task="another", at=1.0, source="label", target="ham")])
    path = tmp_path / "labels.csv"
    path.write_text("request,target\nr1,ham\n")
    assert add_feedback(task_in(tmp_path), path, live=live).n_again == 1
