"""The description says exactly what releases take and give; its examples work as they stand."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.input_schema import Column, InputSchema
from merits.core.live import Rollout
from merits.core.serving import ServeSettings
from merits.serving.keys import new_key
from merits.testing.live import MemoryLive
from merits.testing.models import Replying
from merits.testing.serving import ModelUnit, a_release, served
from tests.serving.test_checking import RIGHT, TABLE

Make = Callable[..., Any]
VECTORS = Candidate(name="v", kind="embedding")
CHAT = Candidate(name="c", kind="chat", params={"model": "m"})
PHOTO = InputSchema(
    forms=("columns",), columns=(Column(name="photo", holds=("picture",)), Column(name="words", holds=("list",)))
)
RELEASES = [
    a_release("films", classes=("bad", "good"), schema=InputSchema(forms=("text",))),
    a_release("rows", inputs=TABLE.names, classes=("no", "yes"), schema=TABLE),
    a_release("shapes", kind="image-classification", classes=("o", "x"), schema=InputSchema(forms=("picture",))),
    a_release("photos", kind="multimodal-classification", inputs=PHOTO.names, schema=PHOTO),
    a_release("it's spoken", kind="speech", schema=InputSchema(forms=("sound",))),
    a_release("talk", kind="generation", candidate=CHAT, schema=InputSchema(forms=("messages",))),
    a_release("prices", kind="regression", inputs=TABLE.names, schema=TABLE),
    a_release("vectors", kind="generation", candidate=VECTORS, schema=InputSchema(forms=("text",))),
    a_release("next", kind="recommendation", inputs=["items"], schema=InputSchema()),
]
SAID: dict[str, Any] = {"generation": "Hello.", "speech": "hello", "regression": 1.5, "recommendation": ["a"]}


def units() -> list[ModelUnit]:
    """One of each; a vector where a text may be one."""
    made = []
    for release in RELEASES:
        output = (
            [0.5, 0.25]
            if release.candidate is VECTORS
            else SAID.get(release.kind, release.classes[0] if release.classes else "a")
        )
        made.append(ModelUnit(release, Replying(lambda _, output=output: Answer(output))))
    return made


def all_of_them(folder: Path, live: MemoryLive | None = None, **settings: Any) -> Any:
    """A gateway that serves them all."""
    live = live or MemoryLive()
    live.add([Rollout(task=release.task_name, at=0.0, champion=1) for release in RELEASES[1:]])
    return served(units(), folder, live=live, settings=ServeSettings(**{"keys": False, **settings}))


def test_the_description_is_valid_and_every_example_is_taken_and_answered_as_described(
    tmp_path: Path, client: Make
) -> None:
    """Each example of each endpoint; requests and answers against their schemas (JSON Schema 2020-12)."""
    n = 0
    with all_of_them(tmp_path) as running:
        ask = client(running.url)
        described = ask.get("/openapi.json").json
        request = ask.post("/predict", {"model": "merits/films", "input": "hi"}).json["merits"]["request"]
        for path, operations in described["paths"].items():
            for operation in operations.values():
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                for name, example in body.get("examples", {}).items():
                    if path == "/feedback" and name not in ("merits/films", "several"):
                        continue  # of requests to other releases
                    value = example["value"]
                    check(value, body["schema"], described)
                    came = ask.send("POST", path, _as_json(value).replace(b"REQUEST", request.encode()))
                    assert came.status == 200, (path, name, came.body)
                    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
                    check(came.json, answer, described)
                    n += 1
        for path in ("/v1/models", "/healthz", "/readyz"):
            answer = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            check(ask.get(path).json, answer, described)
        for release in RELEASES:
            one = ask.get(f"/v1/models/{release.model.replace(' ', '%20')}")
            check(one.json, {"$ref": "#/components/schemas/Model"}, described)
    assert n == 3 * len(RELEASES) + 2 + 1


def _as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def check(value: object, schema: Any, described: Any) -> None:
    """Raises where a value does not fit a schema of the description."""
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator({**schema, "components": described["components"]}).validate(value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": {**RIGHT, "age": "x"}},
        {"input": {**RIGHT, "age": None}},
        {"input": {**RIGHT, "other": 1}},
        {"input": {"age": 1}},
        {"input": "hello"},
        {"input": {}},
        {"inputs": [RIGHT]},
    ],
)
def test_what_is_refused_does_not_fit_the_description_either(tmp_path: Path, client: Make, wrong: Any) -> None:
    """They say the same."""
    with served([ModelUnit(a_release(schema=TABLE), Replying(lambda row: Answer("yes")))], tmp_path) as running:
        ask = client(running.url)
        described = ask.get("/openapi.json").json
        assert ask.post("/predict", wrong).status == 400
        check({"input": RIGHT}, {"$ref": "#/components/schemas/PredictRequest"}, described)
        with pytest.raises(jsonschema.ValidationError):
            check(wrong, {"$ref": "#/components/schemas/PredictRequest"}, described)


def test_each_release_is_described_for_itself(tmp_path: Path, client: Make) -> None:
    """Its input with its name; labels as a list of words; what answers no vector is not offered for embeddings."""
    with all_of_them(tmp_path) as running:
        schemas = client(running.url).get("/openapi.json").json["components"]["schemas"]
    rows = schemas["PredictRequest.rows.1"]
    assert rows["properties"]["model"]["enum"] == ["merits/rows", "merits/rows@1"]
    assert rows["required"] == ["input", "model"]  # several tasks are served
    assert rows["properties"]["input"] == {"$ref": "#/components/schemas/Input.rows.1"}
    columns = schemas["Input.rows.1"]
    assert columns["required"] == ["age", "plan", "member"]
    assert columns["properties"]["income"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
    assert sorted(columns["properties"]["plan"]["examples"]) == ["free", "gold"]
    answer = schemas["Answer.films.1"]["properties"]
    assert answer["output"]["anyOf"][0] == {"enum": ["bad", "good"], "title": "label"}
    assert [*answer["merits"]["properties"]["probabilities"]["properties"]] == ["bad", "good"]
    assert {"enum": ["bad", "good"], "title": "of merits/films@1"} in schemas["FeedbackItem"]["properties"]["target"][
        "anyOf"
    ]
    assert schemas["EmbeddingsRequest"]["properties"]["model"]["enum"] == ["merits/vectors", "merits/vectors@1"]
    assert "temperature" not in schemas["ChatRequest"]["properties"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_requests_of_the_page_can_be_pasted(tmp_path: Path, client: Make) -> None:
    """Into a shell, with a key; all of them are answered."""
    key, record = new_key(now=0.0, scopes=["admin"])
    live = MemoryLive()
    live.add([record])
    with all_of_them(tmp_path, live, keys=True) as running:
        page = client(running.url).get("/docs").body.decode()
        blocks = [html.unescape(block) for block in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
        commands = [block for block in blocks if "curl" in block]
        assert len(commands) > 30
        for command in commands:
            if "TASK" in command:
                continue
            script = f"export KEY={key} REQUEST=none\n{command.replace('curl ', 'curl --fail-with-body -s ')}"
            ran = subprocess.run(
                ["bash", "-ec", script], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=20
            )
            is_known = "REQUEST=$(" in command or "/feedback" not in command
            assert ran.returncode == 0 or not is_known, (command, ran.stdout)
            assert ran.stdout


def test_a_hostile_host_is_not_shown(tmp_path: Path, client: Make) -> None:
    """Nor what a task is called as HTML."""
    release = a_release("<b>x</b>", schema=InputSchema(forms=("text",)))
    with served([ModelUnit(release, Replying(lambda text: Answer("yes")))], tmp_path) as running:
        page = client(running.url).send("GET", "/docs", None, {"Host": "a.example/<script>"}).body.decode()
        named = client(running.url).send("GET", "/docs", None, {"Host": "merits.example:8443"}).body.decode()
    assert "<script" not in page
    assert "a.example" not in page
    assert "<b>x" not in page
    assert "http://merits.example:8443/predict" in named
