"""Chat models that are asked over a network: prompt and pictures in, an answer out, whoever's words are spoken.

Knows nothing about any provider's words: a `Dialogue` speaks them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from merits.candidates.batching import Batches
from merits.candidates.forms import Form, FormParams
from merits.candidates.limiter import Limiter
from merits.candidates.meter import AskFailed
from merits.candidates.prompts import Message, Prompt, Shown, chosen, keep_shown, kept_shown, shown
from merits.candidates.providers import ContentRefused, Endpoint
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer, Usage
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example
from merits.media.finding import Media

__all__ = ["Dialogue", "FewShotRemoteChat", "Flowing", "RemoteChat", "Taker", "remote_chat", "streamed", "whole_of"]


_GO_ON = (
    "Your answer broke off there. Go on from exactly where it ended, in the middle of a word if need be. "
    "Repeat nothing of it, and say nothing about this."
)


class Dialogue(Protocol):
    """Asks a chat model in the words of one provider: `ask` at once; in a batch by `body`, and later `read`."""

    form: Form
    limiter: Limiter

    async def ask(self, messages: Sequence[Message]) -> Answer: ...

    def body(self, messages: Sequence[Message]) -> dict[str, JSON]: ...

    def read(self, reply: bytes) -> Answer: ...

    def batches(self) -> Batches | None: ...
    async def close(self) -> None: ...


class Taker(Protocol):
    """Takes the events of a stream."""

    @property
    def usage(self) -> Usage: ...

    def take(self, event: bytes) -> str: ...


@runtime_checkable
class Flowing(Protocol):
    """A dialogue whose answer can be had as it comes: texts, and last the whole answer."""

    def pieces(self, messages: Sequence[Message]) -> AsyncGenerator[str | Answer, None]: ...


async def streamed(endpoint: Endpoint, path: str, body: Mapping[str, JSON], taker: Taker) -> AsyncGenerator[str, None]:
    """The texts of a stream as they come. One that broke off raises AskFailed with the usage that was told by then."""
    began = False
    async with aclosing(endpoint.events(path, body)) as events:
        try:
            async for event in events:
                began = True
                if text := taker.take(event):
                    yield text
        except AskFailed as problem:
            raise AskFailed(problem.failure, taker.usage if began else problem.usage) from None


async def whole_of(pieces: AsyncGenerator[str | Answer, None]) -> Answer:
    """The answer at the end of a stream."""
    answer: Answer | None = None
    async with aclosing(pieces):
        async for piece in pieces:
            answer = piece if isinstance(piece, Answer) else answer
    assert answer is not None, "a stream ends with its answer"
    return answer


def remote_chat(version: str, params: FormParams, context: LoadContext, dialogue: Dialogue, where: JSON) -> RemoteChat:
    """The model that asks through a dialogue; `version` changes when answers would, and `where` is who answers."""
    labels = context.classes if params.labels and context.is_labelled else ()
    identity: list[JSON] = [version, where, list(labels), None]
    if isinstance(params.response_schema, str):
        identity.append(dict(dialogue.form.schema or {}))
    contents = [Media.of(context).contents(example.input) for example in params.examples]
    if any(contents):
        identity.append(cast("JSON", contents))
    kind = FewShotRemoteChat if params.few_shot else RemoteChat
    return kind(params, context, dialogue, fingerprint=content_hash(identity))


class RemoteChat:
    """A chat model that is asked with the given prompt."""

    concurrency = None

    def __init__(
        self,
        params: FormParams,
        context: LoadContext,
        dialogue: Dialogue,
        *,
        fingerprint: str,
    ) -> None:
        self.fingerprint = fingerprint
        self.limiter = dialogue.limiter
        self._params = params
        self._context = context
        self._dialogue = dialogue
        self._media = Media.of(context)
        self._prompt: Prompt | None = None if params.few_shot else Prompt(params, context, media=self._media)
        if isinstance(dialogue, Flowing):
            self._flowing: Flowing = dialogue
            self.stream, self.go_on = self._stream, self._go_on  # there only for those that can: see `Streaming`

    def check_input(self, input: JSON) -> None:
        """Raises CandidateError where the prompt cannot be made of such an input: found out before anything is paid."""
        (self._prompt or Prompt(self._params, self._context, media=self._media)).messages(input)

    async def answer(self, input: JSON) -> Answer:
        """What the model says, as it says it."""
        try:
            return await self._dialogue.ask(self._asked(input))
        except ContentRefused as refusal:
            return refusal.answer

    def _stream(self, input: JSON) -> AsyncGenerator[str | Answer, None]:
        """The answer as it comes, the whole of it last: see `Streaming`."""
        return self._flow(self._asked(input))

    def _go_on(self, input: JSON, said: str) -> AsyncGenerator[str | Answer, None]:
        """What another model left unsaid, as it comes: see `streaming.GoesOn`."""
        asked: list[Message] = [{"role": "assistant", "content": said}, {"role": "user", "content": _GO_ON}]
        return self._flow([*self._asked(input), *asked])

    def _asked(self, input: JSON) -> list[Message]:
        if self._prompt is None:
            raise RuntimeError("asked before it was fitted")
        return self._prompt.messages(input)

    async def _flow(self, messages: Sequence[Message]) -> AsyncGenerator[str | Answer, None]:
        told = False
        try:
            async with aclosing(self._flowing.pieces(messages)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Answer) and not told and isinstance(piece.output, str) and piece.output:
                        yield piece.output  # of a server that does not stream
                    told = True
                    yield piece
        except ContentRefused as refusal:
            yield refusal.answer

    def body(self, input: JSON) -> Mapping[str, JSON]:
        """What is sent to ask one question in a batch."""
        return self._dialogue.body(self._asked(input))

    def answer_of(self, reply: bytes) -> Answer:
        """The answer in a reply, whenever that came."""
        return self._dialogue.read(reply)

    def batches(self) -> Batches | None:
        """The provider's batches; None where it is not known to offer them."""
        return self._dialogue.batches()

    async def close(self) -> None:
        """Closes the connections. May be called twice."""
        await self._dialogue.close()


class FewShotRemoteChat(RemoteChat):
    """A chat model that is shown examples of the dev split."""

    _shown: tuple[Shown, ...] = ()

    def fit(self, examples: Sequence[Example]) -> None:
        """Choose the examples that are shown."""
        self._show(shown(self.learns_from(examples)))

    def keep(self, folder: Path) -> None:
        """Writes the examples that are shown; CandidateError where they name pictures or sounds."""
        if self._prompt is None:
            raise RuntimeError("kept before it was fitted")
        if any(self._media.contents(one.input) for one in self._shown):
            raise CandidateError("the examples it shows name files.", "It learns again at the start.")
        keep_shown(self._shown, folder)

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        self._show(kept_shown(folder))

    def _show(self, examples: tuple[Shown, ...]) -> None:
        self._shown = examples
        self._prompt = Prompt(self._params, self._context, examples, self._media)

    def learns_from(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples that are shown: no other changes what is answered."""
        return chosen(
            examples,
            self._params.few_shot,
            self._context.seed,
            self._context.task_kind,
            draw=self._params.few_shot_draw,
        )
