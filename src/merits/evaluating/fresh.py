"""Examples out of production: requests whose content was kept and whose right answer came since.

Knows nothing about what is done with them; whoever trains on some must not test on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from merits.core.live import Feedback, Served, Source
from merits.core.task import Example, Split
from merits.evaluating.live import heard, said_by

__all__ = ["fresh_examples"]


def fresh_examples(
    served: Iterable[Served],
    feedback: Mapping[str, Sequence[Feedback]],
    *,
    split: Split = "test",
    without: frozenset[str] = frozenset(),
    most: int | None = None,
    sources: Sequence[Source] = ("label",),
) -> list[Example]:
    """The labelled requests as examples, oldest first; of `most` the newest.

    An example's id is the request's, its group the user. A request without a kept input, or without a target by one of
    the `sources`, is none; of equal inputs the newest counts. Users correct what was wrong: on what they speak of
    (`sources` with "user") whoever answered is wrong by selection, and anybody else looks better than he is.
    `without` are hashes of inputs that are left out: something else was learned from them or is tested on them.

    >>> from merits.core.answer import Answer
    >>> one = Served(request="r", task="t", release=1, arm="champion", at=1.0, input_hash="", answer=Answer("no"),
    ...              input="is it?")
    >>> label = Feedback(request="r", task="t", at=2.0, source="label", target="yes")
    >>> [(example.id, example.input, example.target) for example in fresh_examples([one], {"r": [label]})]
    [('r', 'is it?', 'yes')]
    """
    found: dict[str, Example] = {}
    feedback = said_by(feedback, sources)
    for each in sorted(served, key=lambda one: one.at):
        if each.input is None or each.arm == "shadow":
            continue
        targets = [said for said in heard(feedback.get(each.request, ()), each) if said.target is not None]
        if not targets:
            continue
        example = Example(id=each.request, input=each.input, target=targets[0].target, group=each.user, split=split)
        if example.input_hash not in without:
            found.pop(example.input_hash, None)
            found[example.input_hash] = example
    examples = list(found.values())
    return examples if most is None else examples[-most:]
