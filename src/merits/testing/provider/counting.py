"""How many tokens a fake model reads and writes: a token is a word. The same for what is asked alone and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merits.testing.provider.faults import Message
from merits.testing.provider.ledger import Billing
from merits.testing.provider.saying import Question, Said, parts_of, text_of

__all__ = ["AUDIO_BYTES_PER_TOKEN", "IMAGE_TOKENS", "Counting"]

IMAGE_TOKENS = 85  # OpenAI's price of a picture in low detail
AUDIO_BYTES_PER_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class Counting:
    """What of the input counts as read from and as written to a cache, and what is thought beside the output.

    >>> Counting(cached_tokens=1).of(Question([{"role": "user", "content": "two words"}], "m"), Said("yes"))
    Billing(input=1, cache_read=1, cache_write=0, output=1, reasoning=0, audio=0, image=0)
    """

    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0

    def of(self, question: Question, answer: Said) -> Billing:
        """The tokens of a question and its answer."""
        asked, seen, heard = _counted(question.messages)
        cached = min(asked, self.cached_tokens)
        written = min(asked - cached, self.cache_write_tokens)
        words = answer.n_words
        return Billing(asked - cached - written, cached, written, words, self.reasoning_tokens, heard, seen)


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
