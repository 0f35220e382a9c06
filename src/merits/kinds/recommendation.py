"""A list of items for a user, the best first, judged by what the user chose later."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="recommendation",
    description="a list of items for a user",
    reads=("events",),
    target="items",
    scorers=("hit", "ndcg", "recall_at", "mrr", "map", "novelty"),
    perturbations=("popularity_noise", "dropped_events"),
    case="items",
    views=("recommended",),
    examples="merits.tasks.interactions:examples_of",
)
