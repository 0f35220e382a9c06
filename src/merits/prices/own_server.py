"""Which candidates are asked at a server of one's own, whose time is paid, not its answers."""

from __future__ import annotations

from merits.core.candidate import Candidate
from merits.prices.known import known

__all__ = ["machine_of"]

_SELF_HOSTED = ("ollama", "vllm")


def machine_of(candidate: Candidate) -> str:
    """The address of a server of one's own that a candidate is asked at; "" where it is a provider's, or none.

    An address that is no provider's is one, unless tokens have a price there.

    >>> machine_of(Candidate(name="a", kind="chat", params={"model": "m", "provider": "vllm"}))
    'vllm'
    >>> machine_of(Candidate(name="a", kind="chat", params={"model": "m"}))
    ''
    """
    if candidate.price is not None and candidate.price.by_token:
        return ""  # whoever is paid by the token owns the machine
    address, provider = candidate.params.get("base_url"), candidate.params.get("provider")
    if isinstance(address, str) and address:
        return "" if known().at(address) else address.rstrip("/")
    if provider in _SELF_HOSTED:
        return str(provider)
    by_hour = candidate.price is not None and candidate.price.machine_per_hour is not None
    return str(provider or candidate.kind) if by_hour and "model" in candidate.params else ""
