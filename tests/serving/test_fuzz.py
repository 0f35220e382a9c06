"""Schemathesis asks what our own description allows, and what it does not: never a 5xx, never an undescribed answer.

What the description forbids is refused, and nothing is recorded as a failure of a model.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from merits.core.answer import Answer
from merits.core.input_schema import InputSchema
from merits.core.release import Release
from merits.core.serving import ServeSettings
from merits.testing.models import Replying
from merits.testing.serving import ModelUnit, Served, a_release, served
from tests.serving.test_checking import TABLE
from tests.serving.test_openai import sound
from tests.serving.test_predict import as_url

schemathesis: Any = pytest.importorskip("schemathesis")

RELEASES = {
    "text": a_release(classes=("no", "yes"), schema=InputSchema(forms=("text",))),
    "table": a_release(inputs=TABLE.names, classes=("no", "yes"), schema=TABLE),
    "sound": a_release(kind="speech", schema=InputSchema(forms=("sound",))),
}
JSON_PATHS = ["/predict", "/predict/batch", "/v1/chat/completions", "/v1/embeddings", "/feedback"]
CASES = [
    *(("text", path, "application/json") for path in JSON_PATHS),
    *(("table", path, "application/json") for path in JSON_PATHS[:3]),
    ("sound", "/predict", "application/json"),
    ("sound", "/predict", "multipart/form-data"),
    ("sound", "/v1/audio/transcriptions", "multipart/form-data"),
]
QUICK: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.generate],
}


@pytest.fixture(autouse=True, scope="module")
def _sounds() -> None:
    """Files are sounds as often as not."""
    whole = sound(0.01)
    schemathesis.openapi.format("binary", st.one_of(st.just(whole), st.just(whole[:30]), st.binary(max_size=64)))


@contextmanager
def fuzzed(release: Release, folder: Path) -> Iterator[Served]:
    """A gateway over it; at the end nothing broke, and nothing is counted as a failure of the model."""
    unit = ModelUnit(release, Replying(lambda input: Answer("yes")))
    limits = ServeSettings(keys=False, body_s=5.0)
    with served([unit], folder, settings=limits) as running, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield running
        assert running.gateway.desk.admission.in_flight == 0
    assert not [line for line in running.log if '"defect"' in line]
    assert not [one for one in running.live.served("t") if one.record.answer.failure is not None]


@pytest.mark.parametrize(("name", "path", "kind"), CASES)
def test_the_interface_is_what_it_says(tmp_path: Path, name: str, path: str, kind: str) -> None:
    """Some requests each, right ones and wrong ones."""
    with fuzzed(RELEASES[name], tmp_path) as running:
        n = 5 if path == "/feedback" else 12  # an unknown request is looked for twice: a second
        statuses = fuzz(running, path, kind, n)
    assert {200, 207, 400, 404, 413} >= statuses
    assert len(statuses) > 1 or path == "/feedback"


def fuzz(running: Served, path: str, kind: str, n: int) -> set[int]:
    """The statuses that came; raises where an answer is not as described, or what is forbidden is taken."""
    from schemathesis.specs.openapi import checks

    operation = schemathesis.openapi.from_url(f"{running.url}/openapi.json")[path]["POST"]
    modes = schemathesis.GenerationMode
    whole = kind == "application/json" and path not in ("/predict/batch", "/feedback")  # a form has texts only
    forbidden = [checks.negative_data_rejection] if whole else []  # of several each is refused for itself
    statuses = asked(running, operation, modes.POSITIVE, kind, n, described())
    return statuses | asked(running, operation, modes.NEGATIVE, kind, n, [*described(), *forbidden])


def described() -> list[Any]:
    """That an answer is as described, and no fault of ours."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    conform = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]
    return [not_a_server_error, *conform]


def asked(running: Served, operation: Any, mode: Any, kind: str, n: int, checks: list[Any]) -> set[int]:
    """Asks in one mode, with bodies of one kind."""
    from hypothesis import given

    statuses: set[int] = set()

    @settings(max_examples=n, **QUICK)
    @given(case=operation.as_strategy(generation_mode=mode).filter(lambda case: case.media_type == kind))
    def ask(case: Any) -> None:
        response = case.call(base_url=running.url, timeout=20)
        statuses.add(response.status_code)
        case.validate_response(response, checks=checks)

    ask()
    return statuses


@pytest.mark.parametrize(("name", "right"), [("text", "hi"), ("sound", as_url(sound(), "audio/wav"))])
def test_what_was_answered_can_be_judged(tmp_path: Path, name: str, right: str) -> None:
    """Schemathesis follows the link of an answer to feedback on it."""
    with fuzzed(RELEASES[name], tmp_path) as running:
        schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json").include(path=["/predict", "/feedback"])
        kept: list[Any] = []

        class Walk(schema.as_state_machine()):  # type: ignore[misc]
            """From `/predict` to `/feedback`."""

            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                """Where it runs."""
                return {"base_url": running.url, "timeout": 20}

            def before_call(self, case: Any) -> None:
                """What is asked is an input, so that there is an answer to judge."""
                if case.operation.path == "/predict":
                    case.body, case.media_type = {"input": right}, "application/json"

            def validate_response(self, response: Any, case: Any, *args: Any, **more: Any) -> None:
                """As of single requests."""
                case.validate_response(response, checks=described())

            def after_call(self, response: Any, case: Any) -> None:
                """What was kept."""
                if case.operation.path == "/feedback" and response.status_code == 200:
                    kept.append(response.json())

        Walk.run(settings=settings(max_examples=8, stateful_step_count=3, **QUICK))
    assert kept
    assert all(one["kept"] for one in kept if "kept" in one)
