"""Why a request gets no answer, as clients of OpenAI's API expect to be told."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from merits.core.answer import Failure, FailureKind
from merits.core.secrets import redact

__all__ = ["Refusal", "error_body", "refusal_of"]

_encode = msgspec.json.Encoder().encode
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class Refusal(Exception):
    """A request is not answered. `status` is HTTP's, `code` is stable, `param` names the field that is wrong.

    `retry_after_s` is when to come back, and `closes` ends the connection.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self._closes = closes
        self.status, self.code, self.message, self.param = status, code, message, param
        self.retry_after_s = retry_after_s

    @property
    def body(self) -> bytes:
        """The JSON that says so."""
        return error_body(self.status, self.code, self.message, self.param)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Further headers: when to come back, what to sign in with."""
        if self.status == 401:
            return [(b"www-authenticate", b"Bearer")]
        if self.retry_after_s is None:
            return []
        after = (b"retry-after", b"%d" % max(1, -(-self.retry_after_s // 1)))
        return [after, (b"connection", b"close")] if self._closes else [after]


def error_body(status: int, code: str, message: str, param: str | None = None) -> bytes:
    """An error as OpenAI writes it.

    >>> error_body(404, "model_not_found", "no such model", "model")
    b'{"error":{"message":"no such model","type":"not_found_error","code":"model_not_found","param":"model"}}'
    """
    kind = _TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")
    return _encode({"error": {"message": redact(message), "type": kind, "code": code, "param": param}})


_STATUS: Mapping[FailureKind, int] = {
    "timeout": 504,
    "rate_limited": 429,
    "server_error": 502,
    "connection": 502,
    "unauthorised": 502,
    "bad_request": 400,
    "out_of_memory": 503,
    "raised": 500,
}


def refusal_of(failure: Failure) -> Refusal:
    """How a client is told that a release could not be asked. Why exactly is in the store, not here.

    >>> refusal_of(Failure("rate_limited", "429", retry_after_s=2.5)).headers
    [(b'retry-after', b'3')]
    """
    told = {
        "timeout": "The model did not answer in time.",
        "rate_limited": "The model's provider takes no more requests now.",
        "bad_request": f"The model cannot be asked this: {failure.message}",
        "out_of_memory": "There is no memory left for this request.",
    }.get(failure.kind, "The model could not be asked.")
    after = failure.retry_after_s
    return Refusal(
        _STATUS[failure.kind],
        f"model_{failure.kind}",
        told,
        retry_after_s=(after or 1.0) if failure.kind in ("rate_limited", "out_of_memory") else after,
    )
