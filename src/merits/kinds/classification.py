"""One of a list of labels, for a text or the columns of a table."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="classification",
    description="one of a list of labels",
    reads=("text", "columns"),
    target="label",
    scorers=("label",),
    perturbations=("typos", "keyboard", "dropped_words", "case", "emoji", "punctuation", "noise", "language_mix"),
)
