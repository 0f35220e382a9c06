"""Typed predictions: texts, columns, pictures; one and many; and what they are recorded as."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.serving import ServeSettings
from merits.testing.models import Replying
from merits.testing.serving import ModelUnit, a_release, served

Make = Callable[..., Any]


def picture(colour: str = "red") -> bytes:
    """A small PNG."""
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.new("RGB", (8, 6), colour).save(file, "PNG")
    return file.getvalue()


def as_url(data: bytes, kind: str = "image/png") -> str:
    """A data URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def test_columns_are_checked_and_watched(tmp_path: Path, client: Make) -> None:
    """An unknown column names the near miss. Without a reference no words are kept, only numbers."""
    model = Replying(lambda row: Answer("yes", confidence=0.75))
    with served([ModelUnit(a_release(inputs=["age", "plan"]), model)], tmp_path) as running:
        ask = client(running.url)
        said = ask.post("/predict", {"input": {"age": 41, "plan": "gold"}, "user": "anna"})
        wrong = ask.post("/predict", {"input": {"agee": 41}})
        running.until_stored(1)
    assert (said.json["output"], said.json["merits"]["confidence"]) == ("yes", 0.75)
    assert said.headers["x-merits-confidence"] == "0.75"
    assert (wrong.status, wrong.code) == (400, "unknown_column")
    assert "Did you mean 'age'?" in wrong.json["error"]["message"]
    kept = running.live.served("t")[0].record
    assert kept.seen == {"age": 41.0}
    assert kept.user not in ("", "anna")
    assert kept.input is None


@pytest.mark.parametrize("kind", ["classification", "generation"])
def test_a_task_of_texts_takes_texts(tmp_path: Path, client: Make, kind: str) -> None:
    """Columns and lists are refused before the model is asked; a chat takes its messages."""
    model = Replying(lambda text: Answer("yes"))
    messages = [{"role": "user", "content": "hi"}]
    with served([ModelUnit(a_release(kind=kind), model)], tmp_path / "text") as running:
        said = [client(running.url).post("/predict", {"input": each}) for each in ({"text": "hi"}, ["hi"], messages)]
        assert [(each.status, each.code) for each in said] == [(400, "invalid_value")] * 3
        assert "merits/t@1 reads a text" in said[0].json["error"]["message"]
    assert not model.asked
    chat = Candidate(name="c", kind="chat", params={"model": "m"})
    with served([ModelUnit(a_release(kind=kind, candidate=chat), model)], tmp_path / "chat") as running:
        assert client(running.url).post("/predict", {"input": messages}).status == 200


def test_a_picture_comes_as_a_form_or_as_a_data_url(tmp_path: Path, client: Make) -> None:
    """Either is the same input: what counts is what is in it."""
    read: list[bytes] = []
    model = Replying(lambda path: Answer("red") if read.append(Path(str(path)).read_bytes()) is None else Answer())
    data = picture()
    form = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nmerits/t\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../x.sh"\r\nContent-Type: image/png\r\n\r\n'
        + data
        + b"\r\n--b--\r\n"
    )
    with served([ModelUnit(a_release(kind="image-classification"), model)], tmp_path) as running:
        ask = client(running.url)
        first = ask.send("POST", "/predict", form, {"Content-Type": "multipart/form-data; boundary=b"})
        second = ask.post("/predict", {"input": as_url(data)})
        third = ask.post("/predict", {"input": "/etc/passwd"})
        broken = ask.send("POST", "/predict", form[:-8], {"Content-Type": "multipart/form-data; boundary=b"})
        running.until_stored(2)
    assert [first.status, second.status, third.status, broken.status] == [200, 200, 400, 400]
    assert broken.code == "invalid_form"
    assert read == [data, data]
    one, two = (numbered.record for numbered in running.live.served("t"))
    assert one.input_hash == two.input_hash
    assert round(float(one.seen["width to height"] or 0), 2) == 1.33


def test_a_picture_beside_columns(tmp_path: Path, client: Make) -> None:
    """A data URL in a column becomes a file; the other columns stay."""
    rows: list[Any] = []
    model = Replying(lambda row: Answer("a") if rows.append(dict(row)) is None else Answer())  # type: ignore[call-overload]
    release = a_release(kind="multimodal-classification", inputs=["photo", "text"])
    with served([ModelUnit(release, model)], tmp_path) as running:
        client(running.url).post("/predict", {"input": {"photo": as_url(picture()), "text": "a red one"}})
    assert rows[0]["text"] == "a red one"
    assert rows[0]["photo"].endswith(".png")


def test_a_batch_answers_each_and_tells_which_failed(tmp_path: Path, client: Make) -> None:
    """Each is an outcome with an id of its own; a queue of one does not refuse them."""
    said = {"boom": Answer(failure=Failure("raised", "x"))}
    model = Replying(lambda text: said.get(str(text), Answer("yes")))
    settings = ServeSettings(keys=False, concurrency=2, queue=1, batch=5)
    with served([ModelUnit(a_release(), model)], tmp_path, settings=settings) as running:
        ask = client(running.url)
        came = ask.post("/predict/batch", {"inputs": ["a", "boom", None, "b"]}, X_Request_Id="batch-0001")
        long = ask.post("/predict/batch", {"inputs": ["a"] * 6})
        running.until_stored(3)
    answers = came.json["answers"]
    assert [answer.get("output") for answer in answers] == ["yes", None, None, "yes"]
    assert [answer["error"]["code"] for answer in answers[1:3]] == ["model_raised", "invalid_value"]
    assert came.json["failed"] == 2
    assert re.fullmatch(r"batch-0001-[0-9a-f]{16}\.0", answers[0]["merits"]["request"])
    assert (long.status, long.code) == (413, "batch_too_long")


def test_content_is_kept_redacted_where_the_release_says_so(tmp_path: Path, client: Make) -> None:
    """Input and output, without what identifies somebody."""
    model = Replying(lambda text: Answer(f"Wrote to {text}"))
    with served([ModelUnit(a_release(kind="generation", keep=True), model)], tmp_path) as running:
        client(running.url).post("/predict", {"input": "anna@shop.example"})
        running.until_stored(1)
    kept = running.live.served("t")[0].record
    assert kept.input == "[e-mail]"
    assert kept.answer.output == "Wrote to [e-mail]"


def test_where_several_tasks_are_served_one_is_named(tmp_path: Path, client: Make) -> None:
    """And one that is not served is told what is."""
    from merits.core.live import Rollout
    from merits.testing.live import MemoryLive

    live = MemoryLive()
    other = ModelUnit(a_release("other"), Replying(lambda text: Answer("no")))
    live.add([Rollout(task="other", at=0.0, champion=1)])
    with served([ModelUnit(a_release(), Replying(lambda text: Answer("yes"))), other], tmp_path, live=live) as running:
        ask = client(running.url)
        assert ask.post("/predict", {"input": "x"}).code == "model_missing"
        assert ask.post("/predict", {"input": "x", "model": "merits/other"}).json["output"] == "no"
        said = ask.post("/predict", {"input": "x", "model": "merits/t@7"})
    assert (said.status, said.code) == (404, "model_not_found")
    assert "merits/t@1" in said.json["error"]["message"]


def test_the_page_describes_itself_without_scripts(tmp_path: Path, client: Make) -> None:
    """For people and for machines; and what Prometheus reads."""
    with served([ModelUnit(a_release(), Replying(lambda text: Answer("yes")))], tmp_path) as running:
        ask = client(running.url)
        ask.post("/predict", {"input": "x"})
        page, described, metrics = ask.get("/docs"), ask.get("/openapi.json").json, ask.get("/metrics").body.decode()
    assert b"<script" not in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert described["components"]["schemas"]["PredictRequest.t.1"]["properties"]["model"]["enum"] == [
        "merits/t",
        "merits/t@1",
    ]
    assert 'merits_requests_total{path="/predict",status="200"} 1.0' in metrics
    assert 'merits_answer_seconds_count{arm="champion",release="1",task="t"} 1.0' in metrics
