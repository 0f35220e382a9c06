"""Reports to look at, made once for all tests: they are never changed."""

from __future__ import annotations

import pytest

from merits.report.views import ReportView, view
from tests.report.making import Made, digits


def view_of(made: Made) -> ReportView:
    """The view of an evaluation, with a fixed date."""
    return view(made.evaluation, made.decision, examples=made.examples, answers=made.answers, made_at="2026-11-23")


@pytest.fixture(scope="session")
def made() -> Made:
    """Ten classes, five real models, and a remote one without a price that failed at times."""
    return digits()


@pytest.fixture(scope="session")
def report(made) -> ReportView:
    """The view of that."""
    return view_of(made)
