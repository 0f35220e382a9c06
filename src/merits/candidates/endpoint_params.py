"""What every recipe for a remote endpoint says: which model, whose, where, and what is sent beside the question.

The kinds that are nothing else build on `EndpointParams`; chat models, whose parameters begin with a prompt, take the
same fields one by one.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Protocol, TypeAlias

import msgspec

from merits.candidates.environment import environment
from merits.candidates.keys_in_recipes import must_hold_no_key
from merits.candidates.providers import Dialect, Endpoint, Provider
from merits.candidates.registry import LoadContext
from merits.candidates.tunable import Names
from merits.core.identity import JSON

__all__ = ["BaseURL", "EndpointParams", "ModelName", "Parameters", "Whose", "endpoint_of", "sampling_names"]

ModelName: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, description="The model's name, as the provider writes it.")
]
Whose: TypeAlias = Annotated[Provider, msgspec.Meta(description="Whose endpoint, and which variables to read.")]
BaseURL: TypeAlias = Annotated[
    str, msgspec.Meta(description="The endpoint up to /v1. Default: <PROVIDER>_BASE_URL, else the provider's own.")
]
Parameters: TypeAlias = Annotated[
    dict[str, JSON],
    msgspec.Meta(description="Sent with each question, as the provider names it: temperature, size, language."),
]


class EndpointParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A model behind an OpenAI-compatible endpoint; its key comes from <PROVIDER>_API_KEY, never from here.

    `RESERVED` are the parameters that the kind sets itself.
    """

    RESERVED: ClassVar[tuple[str, ...]] = ("model",)

    model: ModelName
    provider: Whose = "openai"
    base_url: BaseURL = ""
    parameters: Parameters = {}

    def __post_init__(self) -> None:
        must_hold_no_key(self.parameters, self.provider, self.RESERVED)


_SAMPLING = ("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "reasoning_effort", "seed")


def sampling_names(params: object, folder: object) -> dict[str, Names]:
    """The parameters that chat models are tuned by: these can be named without `parameters.`, any other with it."""
    return {"parameters": Names(dict.fromkeys(_SAMPLING), closed=False)}


class _Addressed(Protocol):
    @property
    def model(self) -> str: ...
    @property
    def base_url(self) -> str: ...


def endpoint_of(
    params: _Addressed, provider: Provider, context: LoadContext, *, dialect: Dialect = "openai"
) -> Endpoint:
    """The endpoint that a recipe names, as the context's environment has it."""
    return Endpoint(
        provider,
        params.base_url,
        environment(context),
        model=params.model,
        timeout_s=context.timeout_s,
        asks=context.asks,
        dialect=dialect,
    )
