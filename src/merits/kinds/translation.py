"""A text in another language, beside the translation of a person or several."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="translation",
    description="a text in another language; a list of targets are several references",
    reads=("text",),
    target="text",
    scorers=("chrf", "bleu", "ter"),
    perturbations=("typos", "case", "punctuation", "noise"),
    case="translation",
)
