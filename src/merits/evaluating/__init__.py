"""Ask, score, remember: the only writer of outcomes apart from serving.

Every candidate gets the questions that are not answered in the store, at its own pace. Answers are committed before
they are counted, so a run that is killed loses none of them and asks for none of them again.
"""

from merits.evaluating.billing import bill_of
from merits.evaluating.known import Asking
from merits.evaluating.planning import Part, Plan
from merits.evaluating.progress import Progress
from merits.evaluating.repricing import reprice
from merits.evaluating.running import evaluate, plan

__all__ = ["Asking", "Part", "Plan", "Progress", "bill_of", "evaluate", "plan", "reprice"]
