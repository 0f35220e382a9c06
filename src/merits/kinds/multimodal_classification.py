"""One of a list of labels, for several things at once: a picture, a text, further columns."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="multimodal-classification",
    description="one of a list of labels, for a picture, a text and columns together",
    reads=("picture", "text", "columns"),
    target="label",
    scorers=("label",),
    perturbations=("missing_picture", "missing_text", "blur", "typos"),
    case="mixed",
)
