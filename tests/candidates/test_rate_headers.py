"""What a provider says of when it wants to be asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from merits.candidates.rate_headers import retry_after_s


def test_retry_after_may_be_seconds_or_a_date() -> None:
    """RFC 9110 allows both; what is neither says nothing."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after_s({"retry-after": "2.5"}) == 2.5
    assert retry_after_s({"retry-after": later}) == pytest.approx(100, abs=5)
    assert retry_after_s({"retry-after": "soon"}) is None
    assert retry_after_s({"retry-after": "-3"}) == 0.0
