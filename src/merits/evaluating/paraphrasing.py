"""Inputs in other words, by a model: asked once for each text, its answers stored like those of judges.

Knows nothing about candidates: what it makes of a text is the same for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import Store
from merits.core.identity import JSON
from merits.core.judge import Ask
from merits.core.robustness import PARAPHRASE, Level
from merits.evaluating.asker import Asker, NotAsked, key_of
from merits.evaluating.asking import Unmade
from merits.evaluating.forecast import Story
from merits.evaluating.judge_costs import cost_of
from merits.evaluating.planning import Part
from merits.media.finding import Media
from merits.perturbations.inputs import texts_of, with_texts

__all__ = ["Paraphraser", "stored_paraphrase"]

_VERSION = 1  # goes up with the words of the request
_REQUEST = (
    "Put the following text in other words. Keep its meaning, its language, its form and every name and number. "
    "Do not answer it. Reply with the new text and nothing else.\n\n"
)
_SAMPLE = 50  # texts that a forecast looks at
_TOLD = 500  # earlier answers that a forecast looks at


@dataclass(frozen=True)
class Paraphraser:
    """A model that puts the texts of inputs in other words, at most `threads` at once."""

    asker: Asker
    media: Media
    threads: asyncio.Semaphore

    @property
    def level(self) -> Level:
        """What its inputs are known as."""
        asked_as = f"{PARAPHRASE} v{_VERSION} by {self.asker.version}"
        return Level(PARAPHRASE, PARAPHRASE, asked_as, scale=f"in the words of {self.asker.candidate.name}")

    async def made(self, input: JSON) -> JSON:
        """The input in other words. Raises Unmade where that cannot be had."""
        said: dict[str, str] = {}
        for text in dict.fromkeys(texts_of(input, self.media)):
            ask = _ask(text)
            try:
                async with self.threads:
                    answer = await self.asker.answer(ask)
            except NotAsked as why:
                raise Unmade(f"{PARAPHRASE}: {why}") from why
            said[text] = _text_in(answer)
        return with_texts(input, said, self.media)

    def foreseen(self, inputs: Iterable[JSON], price: Price | None) -> tuple[Part, Story]:
        """What is yet to be asked for these inputs, as a part of a plan, and what is known of it."""
        asks = {key_of(ask): ask for one in inputs for ask in map(_ask, texts_of(one, self.media))}
        missing = [ask for ask in asks.values() if self.asker.stored(ask) is None]
        name = f"{PARAPHRASE} by {self.asker.candidate.name}"
        told = [answer for answer, _ in zip(self.asker.answers(), range(_TOLD), strict=False)]
        story = Story(
            candidate=replace(self.asker.candidate, name=name),
            price=price,
            answers=tuple(answer for answer in told if not answer.usage.unmetered),
            inputs=tuple(ask.messages for ask in missing[:_SAMPLE]),
            targets=(),
            n_asks=len(missing),
        )
        part = Part(name, self.asker.version, n_rows=len(asks), n_stored=len(asks) - len(missing), n_failed_before=0)
        return part, story

    def facts(self, price_of: Callable[[Candidate], Price | None], currency: str) -> dict[str, str]:
        """What was used and what that cost, for the report."""
        cost = cost_of(self.asker.calls(), price_of(self.asker.candidate))
        money = "cost unknown" if cost is None else f"{cost:.6g} {currency}"
        n = len(self.asker.used)
        return {f"paraphrased by {self.asker.candidate.name}": f"{n} texts ({self.asker.n_asked} asked), {money}"}


def stored_paraphrase(store: Store, level: Level, input: JSON, media: Media) -> JSON:
    """What an input was asked as, from stored answers alone. Raises Unmade where one is missing."""
    version = level.asked_as.rpartition(" by ")[2]
    keys = {text: key_of(_ask(text)) for text in texts_of(input, media)}
    answers = store.answers(version, list(keys.values()))
    if any(key not in answers for key in keys.values()):
        raise Unmade(f"{PARAPHRASE}: it is not stored")
    return with_texts(input, {text: _text_in(answers[key]) for text, key in keys.items()}, media)


def _ask(text: str) -> Ask:
    return Ask([{"role": "user", "content": f"{_REQUEST}{text}"}])


def _text_in(answer: Answer) -> str:
    """What was said, in no quotes. Raises Unmade where that is nothing."""
    said = answer.output.strip() if isinstance(answer.output, str) else ""
    if len(said) > 1 and said[0] == said[-1] == '"':
        said = said[1:-1].strip()
    if answer.refused or answer.failure is not None or not said:
        raise Unmade(f"{PARAPHRASE}: no other words were said, but {answer.output!r:.80}")
    return said
