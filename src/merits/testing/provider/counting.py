"""How many tokens a fake model reads and writes: a token is a word. The same for what is asked alone and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from merits.testing.provider.faults import Message
from merits.testing.provider.ledger import Billing
from merits.testing.provider.saying import Question, Said, parts_of, text_of

__all__ = ["AUDIO_BYTES_PER_TOKEN", "IMAGE_TOKENS", "Counting", "Dialect"]

Dialect: TypeAlias = Literal["openai", "anthropic"]

IMAGE_TOKENS = 85  # OpenAI's price of a picture in low detail
AUDIO_BYTES_PER_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class Counting:
    """What of the input counts as read from and written to a cache, and what is thought and spoken beside the output.

    Only Anthropic knows caches that last an hour, and only OpenAI tells apart what is spoken: a question in the words
    of the other one has none of these.

    >>> asked = Question([{"role": "user", "content": "two words"}], "m")
    >>> found = Counting(cached_tokens=1, spoken_tokens=7).of(asked, Said("yes"))
    >>> found.input, found.cache_read, found.output, found.audio_output
    (1, 1, 1, 7)
    """

    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_1h_tokens: int = 0
    spoken_tokens: int = 0

    def of(self, question: Question, answer: Said, dialect: Dialect = "openai") -> Billing:
        """The tokens of a question and its answer."""
        asked, seen, heard = _counted(question.messages)
        cached = min(asked, self.cached_tokens)
        written = min(asked - cached, self.cache_write_tokens)
        lasting = min(asked - cached - written, self.cache_write_1h_tokens) if dialect == "anthropic" else 0
        return Billing(
            input=asked - cached - written - lasting,
            cache_read=cached,
            cache_write=written,
            cache_write_1h=lasting,
            output=answer.n_words,
            reasoning=self.reasoning_tokens,
            audio=heard,
            audio_output=self.spoken_tokens if dialect == "openai" else 0,
            image=seen,
        )


def _counted(messages: Sequence[Message]) -> tuple[int, int, int]:
    """Tokens of text, pictures and sound."""
    words = seen = heard = 0
    for message in messages:
        words += len(text_of(message).split())
        for part in parts_of(message):
            kind = part.get("type")
            seen += IMAGE_TOKENS if kind in ("image_url", "image") else 0
            if kind == "input_audio":
                heard += max(1, len(str(part.get("input_audio"))) // AUDIO_BYTES_PER_TOKEN)
    return words, seen, heard
