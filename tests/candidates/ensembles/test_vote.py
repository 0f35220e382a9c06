"""Votes: one answer of many, for every sort of answer."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from statistics import NormalDist, fmean

import numpy as np
import pytest

from merits.candidates.registry import LoadContext, load, load_any
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Composite
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.steps import replay

CLASSES = ("ham", "spam")
LATE = Answer(failure=Failure("timeout", "no answer within 5 s"))


def voting(kind: str, n: int, classes: tuple[str, ...] = (), **params: JSON) -> Composite:
    """A vote of n parts; who they are does not matter, for their answers are given."""
    parts = tuple(Candidate(name=f"part {i}", kind="constant", params={"output": i}) for i in range(n))
    recipe = Candidate(name="together", kind="vote", params=params, parts=parts)
    loaded = load_any(recipe, LoadContext(task_kind=kind, classes=classes, env={}))
    assert isinstance(loaded, Composite)
    return loaded


def vote(kind: str, said: Sequence[Answer], classes: tuple[str, ...] = (), **params: JSON) -> Answer:
    """What parts that say this say together."""
    return replay(voting(kind, len(said), classes, **params).steps("?"), said.__getitem__)


def outputs(*said: JSON) -> list[Answer]:
    return [Answer(one) for one in said]


class TestLabels:
    """Plurality of what the answers mean, not of how they are worded."""

    def test_what_a_chat_model_says_is_read_as_scorers_read_it(self) -> None:
        """'Spam.' and 'spam' are one vote each for the same class."""
        found = vote("classification", outputs("ham", " Spam. ", '{"label": "spam"}'), CLASSES)
        assert (found.output, round(found.confidence or 0, 3)) == ("spam", 0.667)

    def test_ties_go_to_the_earlier_part(self) -> None:
        """The order of the parts is the user's."""
        assert vote("classification", outputs("spam", "ham"), CLASSES).output == "spam"
        assert vote("classification", outputs("ham", "spam"), CLASSES).output == "ham"

    def test_what_names_no_class_has_no_vote(self) -> None:
        """It must not win over a class, nor lower its share."""
        found = vote("classification", outputs("I cannot tell", "I cannot tell", "ham"), CLASSES)
        assert (found.output, found.confidence) == ("ham", 1.0)

    def test_when_nobody_names_a_class_it_is_wrong_and_not_failed(self) -> None:
        """The candidate answered."""
        found = vote("classification", outputs("dunno", "who knows"), CLASSES)
        assert (found.output, found.failure, found.confidence) == ("dunno", None, 0.0)

    def test_fixed_weights_decide_and_a_part_without_weight_is_not_asked(self) -> None:
        """It would cost something and change nothing."""
        said = outputs("spam", "ham", "ham")
        assert vote("classification", said, CLASSES, weights=[3, 1, 1]).output == "spam"
        assert vote("classification", said, CLASSES, weights=[1, 1, 0]).consulted == (0, 1)

    def test_confidence_weighs(self) -> None:
        """One that is sure wins over two that are not."""
        said = [Answer("spam", confidence=0.95), Answer("ham", confidence=0.4), Answer("ham", {"ham": 0.45})]
        assert vote("classification", said, CLASSES).output == "ham"
        assert vote("classification", said, CLASSES, weigh="confidence").output == "spam"

    def test_soft_voting_is_the_mean_of_the_probabilities(self) -> None:
        """As scikit-learn's VotingClassifier has it."""
        said = [Answer("ham", {"ham": 0.55, "spam": 0.45}), Answer("ham", {"ham": 0.6, "spam": 0.4})]
        said.append(Answer("spam", {"ham": 0.1, "spam": 0.9}))
        found = vote("classification", said, CLASSES, weigh="probabilities", weights=[1, 1, 2])
        assert found.output == "spam"
        assert found.probabilities == pytest.approx({"ham": 0.3375, "spam": 0.6625})

    def test_voters_that_err_independently_are_right_more_often(self) -> None:
        """Condorcet: three that are right 70 % of the time are right 78.4 % together."""
        rng = random.Random(5)
        voters = voting("classification", 3, CLASSES)
        right = 0
        for _ in range(4000):
            said = outputs(*("ham" if rng.random() < 0.7 else "spam" for _ in range(3)))
            right += replay(voters.steps("?"), said.__getitem__).output == "ham"
        assert right / 4000 == pytest.approx(0.784, abs=4 * (0.784 * 0.216 / 4000) ** 0.5)


class TestFailures:
    """A part that fails has no vote."""

    def test_the_others_decide(self) -> None:
        """And their shares are of those that answered."""
        found = vote("classification", [LATE, Answer("ham"), Answer("ham")], CLASSES)
        assert (found.output, found.confidence, found.consulted) == ("ham", 1.0, (0, 1, 2))

    def test_when_all_fail_it_fails(self) -> None:
        """Failed is not wrong."""
        found = vote("classification", [LATE, LATE], CLASSES)
        assert found.failure is not None
        assert (found.failure.kind, found.failure.message) == ("timeout", "no part answered: no answer within 5 s")

    def test_a_refusal_has_no_vote_unless_all_refuse(self) -> None:
        """A model that says no has said nothing of the case."""
        no = Answer("I will not", refused=True)
        assert vote("generation", [no, no, Answer("Paris")]).output == "Paris"
        assert vote("generation", [no, no]).refused


class TestTexts:
    """Agreement first, else the text most like the others."""

    def test_the_same_in_other_words_marks_and_case_agrees(self) -> None:
        """The answer is as the earliest of them wrote it."""
        assert vote("generation", outputs("Lyon", "Paris!", "paris")).output == "Paris!"

    def test_where_nobody_agrees_the_medoid_is_taken(self) -> None:
        """By hand: likeness of the second to both others is the greatest."""
        said = ["the house is red", "the house is big and red", "a house is big and bad"]
        assert vote("translation", outputs(*said)).output == said[1]

    def test_an_empty_text_has_no_vote(self) -> None:
        """Two that say nothing do not agree on anything."""
        assert vote("generation", outputs("", " ", "42")).output == "42"

    def test_records_agree_as_json(self) -> None:
        """The output stays what it was."""
        record: JSON = {"name": "Ada", "born": 1815}
        assert vote("extraction", outputs({"name": "A."}, record, {"born": 1815, "name": "Ada"})).output == record


class TestTranscripts:
    """ROVER, word by word."""

    def test_each_word_is_voted_on(self) -> None:
        """No one of them is right, and together they are."""
        said = ["the cat sad on the mat", "the cat sat on a mat", "cat sat on the mat"]
        assert vote("speech", outputs(*said)).output == "the cat sat on the mat"

    def test_a_word_that_one_alone_heard_is_left_out(self) -> None:
        """The others heard nothing there."""
        said = ["good morning world", "good uh morning world", "good morning world"]
        found = vote("speech", outputs(*said))
        assert found.output == "good morning world"
        assert found.confidence == pytest.approx((1 + 2 / 3 + 1 + 1) / 4)

    def test_between_two_the_earlier_decides_and_weights_turn_it(self) -> None:
        """With two parts there is no majority."""
        said = outputs("a new day", "a few days ago")
        assert vote("speech", said).output == "a new day"
        assert vote("speech", said, weights=[1, 2]).output == "a few days ago"

    def test_it_lowers_the_errors_of_a_known_text(self) -> None:
        """Five listeners, each wrong in a fifth of the words: together in a thirtieth or less."""
        rng, words = random.Random(3), [f"w{i}" for i in range(30)]
        voters, alone, together = voting("speech", 5), 0, 0
        for _ in range(60):
            truth = [rng.choice(words) for _ in range(25)]
            heard = [misheard(truth, words, rng) for _ in range(5)]
            said = [Answer(" ".join(one)) for one in heard]
            found = str(replay(voters.steps("?"), said.__getitem__).output).split()
            alone += edits(truth, heard[0])
            together += edits(truth, found)
        assert alone / 1500 == pytest.approx(0.2, abs=0.03)
        assert together / 1500 < 0.04

    def test_nothing_heard_by_anybody_is_nothing(self) -> None:
        """Silence is an answer."""
        assert vote("speech", outputs("", "...")).output == ""


def misheard(truth: Sequence[str], words: Sequence[str], rng: random.Random) -> list[str]:
    """The words with a fifteenth each left out, replaced and made up."""
    found: list[str] = []
    for word in truth:
        luck = rng.random()
        found += [] if luck < 1 / 15 else [rng.choice(words)] if luck < 2 / 15 else [word]
        found += [rng.choice(words)] if luck > 14 / 15 else []
    return found


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """The fewest words to change, by the slow definition."""
    row = list(range(len(other) + 1))
    for i, word in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, second in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != second))
    return row[-1]


class TestRankings:
    """Reciprocal-rank fusion."""

    def test_it_is_the_sum_of_reciprocal_ranks(self) -> None:
        """The definition, beside what it fuses, on random lists."""
        rng = random.Random(7)
        for _ in range(20):
            lists = [rng.sample("abcdefghij", rng.randint(3, 8)) for _ in range(3)]
            found = vote("recommendation", outputs(*lists)).output
            scores = {
                item: sum(1 / (60 + one.index(item) + 1) for one in lists if item in one)
                for item in itertools.chain(*lists)
            }
            assert isinstance(found, list)
            assert [round(scores[item], 12) for item in found] == sorted(
                (round(score, 12) for score in scores.values()), reverse=True
            )

    def test_worked_by_hand(self) -> None:
        """k = 1: b has 1/3 + 1/2, a has 1/2, c has 1/3."""
        assert vote("recommendation", outputs(["a", "b"], ["b", "c"]), k=1).output == ["b", "a", "c"]


class TestNumbers:
    """Means, medians and quantiles."""

    def test_mean_median_and_weights(self) -> None:
        """Texts are read as scorers read them."""
        said = outputs(10, "about 20", {"value": 90})
        assert vote("regression", said).output == 40.0
        assert vote("regression", said, middle="median").output == 20.0
        assert vote("regression", said, weights=[2, 1, 1]).output == 32.5

    def test_the_mean_of_quantiles_of_normal_forecasts_is_that_of_the_mean_normal(self) -> None:
        """Vincent averaging keeps the family: place and width are averaged."""
        normals, levels = [NormalDist(10, 1), NormalDist(14, 3)], (0.1, 0.5, 0.9)
        said = [Answer({"value": n.mean, "quantiles": {f"{q:g}": n.inv_cdf(q) for q in levels}}) for n in normals]
        found = vote("regression", said).output
        assert isinstance(found, dict)
        assert found["value"] == fmean([10, 14])
        assert list(found["quantiles"].values()) == pytest.approx([NormalDist(12, 2).inv_cdf(q) for q in levels])

    def test_what_says_no_number_has_no_vote(self) -> None:
        """And when nobody says one, it is wrong, not failed."""
        assert vote("regression", outputs("no idea", 3)).output == 3.0
        assert vote("regression", outputs("no idea", "none")).output == "no idea"

    def test_the_weighted_median_is_numpys_of_repeated_values(self) -> None:
        """The slow definition: as many times as it weighs."""
        rng = random.Random(2)
        for _ in range(50):
            values = [rng.randint(0, 9) for _ in range(4)]
            weights: list[JSON] = [rng.randint(1, 4) for _ in range(4)]
            repeated = np.repeat(values, np.array(weights, int))
            found = vote("regression", outputs(*values), weights=weights, middle="median").output
            assert found == np.median(repeated)


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("classification", {"weights": [1, 2]}, "2 weights for 3 parts"),
        ("regression", {"weigh": "probabilities"}, "for labels, and this votes on numbers"),
        ("text-to-image", {}, r"cannot be made into one\. Say how: by: labels"),
        ("classification", {"weights": [0, 0, 0]}, "nobody to vote"),
    ],
)
def test_what_cannot_be_voted_on_says_why(kind: str, params: dict[str, JSON], says: str) -> None:
    """With the next step."""
    with pytest.raises(CandidateError, match=says):
        voting(kind, 3, CLASSES, **params)


def test_a_composite_is_no_model_by_itself() -> None:
    """Somebody must answer for its parts."""
    part = Candidate(name="a", kind="constant", params={"output": 1})
    with pytest.raises(CandidateError, match="answers with what others answer"):
        load(Candidate(name="both", kind="vote", parts=(part, part)), LoadContext(env={}))
