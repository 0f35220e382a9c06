"""Schemathesis asks what our own description allows, and what it does not: never a 5xx, never an undescribed answer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from merits.core.answer import Answer
from merits.core.serving import ServeSettings
from merits.testing.models import Replying
from merits.testing.serving import ModelUnit, Served, a_release, served

schemathesis: Any = pytest.importorskip("schemathesis")


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v1/chat/completions", "/v1/embeddings", "/feedback"])
def test_the_interface_is_what_it_says(tmp_path: Path, path: str) -> None:
    """Some cases each, right ones and wrong ones."""
    unit = ModelUnit(a_release(), Replying(lambda text: Answer("yes")))
    limits = ServeSettings(keys=False, body_s=5.0)
    with served([unit], tmp_path, settings=limits) as running, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fuzz(running, path, 6 if path == "/feedback" else 25)  # an unknown request is looked for twice: a second
        assert running.gateway.desk.admission.in_flight == 0
    assert not [line for line in running.log if '"defect"' in line]
    assert sum('"event":"request"' in line for line in running.log) >= 10


def fuzz(running: Served, path: str, n: int) -> None:
    """Raises where an answer is not as described."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    operation = schema[path]["POST"]
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
    quick = settings(
        max_examples=n,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        from hypothesis import given

        @quick
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            response = case.call(base_url=running.url, timeout=20)
            case.validate_response(response, checks=checks)

        ask()
