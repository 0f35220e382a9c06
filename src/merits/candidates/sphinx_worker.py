"""PocketSphinx in a process of its own: it keeps Python's lock while it listens, and everybody else would wait.

Spoken to by `merits.candidates.pocketsphinx`: a line of settings (JSON), then utterances, each as the number of its
bytes (four bytes, little endian) and that many of 16-bit samples. Each is answered by one line of JSON.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any, BinaryIO

__all__ = ["serve"]


def serve(given: BinaryIO, said: BinaryIO) -> None:
    """Answers until nothing more is given; ends after the first line where the decoder cannot be set up."""
    from pocketsphinx import Decoder

    def say(**words: object) -> None:
        said.write(json.dumps(words).encode() + b"\n")
        said.flush()

    try:
        decoder = Decoder(loglevel="FATAL", **json.loads(given.readline()))
    except (RuntimeError, ValueError, TypeError) as problem:
        say(problem=str(problem)[:200].rstrip("."))
        return
    say(problem="")
    while head := given.read(4):
        say(heard=_heard(decoder, given.read(struct.unpack("<I", head)[0])))


def _heard(decoder: Any, samples: bytes) -> str:
    decoder.reinit_feat()  # forgets the loudness and the noise of the utterance before
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return "" if found is None else str(found.hypstr)


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints is no reply
    serve(sys.stdin.buffer, replies)
