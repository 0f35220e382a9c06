"""Picks what each column of unknown data is for, and says why. Decides nothing that was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from merits.core.errors import DataError
from merits.tasks.columns import INPUT_NAMES
from merits.tasks.guess import guess_kind
from merits.tasks.looking import TARGET_WORDS, Look, is_id, words_in_name
from merits.tasks.recognise import Found

__all__ = ["Roles", "pick"]

_INPUT_WORDS = (
    *INPUT_NAMES,
    *("sentence", "utterance", "message", "query", "content", "review", "body", "document", "tweet", "comment"),
)
_GROUP_WORDS = frozenset(
    {"group", "customer", "user", "client", "patient", "author", "speaker", "session"}
    | {"conversation", "thread", "document", "doc", "account", "household"}
)
_TIME_WORDS = frozenset({"date", "time", "timestamp", "datetime", "created", "received", "when", "day"})
_SPLIT_WORDS = frozenset({"split", "fold", "set", "subset", "partition", "part"})
_FEWEST_GROUPS = 10
_MOST_NUMBERS_BESIDE_TEXT = 2  # more, and the text is one column among many
_MOST_SLICES = 3
_MOST_NAMED = 5
_MOST_VALUES_OF_A_SLICE = 12


@dataclass
class Roles:
    """The columns of a task, and sentences about how they were found, each ending in how sure that is."""

    inputs: tuple[str, ...] = ()
    tabular: bool = False
    target: str = ""
    id: str = ""
    group: str = ""
    time: str = ""
    split: str = ""
    slices: tuple[str, ...] = ()
    said: list[str] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        """The names of all columns that have a role."""
        return {*self.inputs, self.target, self.id, self.group, self.time, self.split, *self.slices} - {""}


def pick(
    looks: Mapping[str, Look],
    *,
    target: str | None = None,
    inputs: Sequence[str] | None = None,
    found: Found | None = None,
) -> Roles:
    """What each column is for; `target` and `inputs` are not guessed when they are told, or `found` by the kind.

    Raises DataError naming the columns and the options to use when none can be the target or the input.
    """
    roles = Roles(target=target or "", inputs=tuple(inputs or ()), tabular=len(inputs or ()) > 1)
    for role, told in (("target", target), ("input", ", ".join(inputs or ()))):
        if told:
            roles.said.append(f"{role}: {told} (told)")
    if found:
        _take(found, roles)
    _pick_id(looks, roles)
    _pick_split(looks, roles)
    if not roles.target:
        _pick_target(looks, roles)
    _pick_group(looks, roles)
    _pick_time(looks, roles)
    if not roles.inputs:
        _pick_inputs(looks, roles)
    if not roles.tabular or found:
        _pick_slices(looks, roles)
    return roles


def _take(found: Found, roles: Roles) -> None:
    """The columns that the kind of task asks of."""
    if found.inputs and not roles.inputs:
        roles.inputs, roles.tabular = found.inputs, len(found.inputs) > 1
        roles.said.append(f"input: {', '.join(found.inputs)} (likely)")
    if found.target and not roles.target:
        roles.target = found.target
        roles.said.append(f"target: {found.target} (likely)")


def _free(looks: Mapping[str, Look], roles: Roles) -> list[Look]:
    return [look for name, look in looks.items() if name not in roles.taken]


def _pick_id(looks: Mapping[str, Look], roles: Roles) -> None:
    for look in _free(looks, roles):
        if look.is_unique and is_id(look) and not look.is_free_text:
            roles.id = look.name
            roles.said.append(f"id: {look.name}, by its name and because no value repeats (sure)")
            return


def _pick_split(looks: Mapping[str, Look], roles: Roles) -> None:
    for look in _free(looks, roles):
        if look.is_split:
            named = bool(_SPLIT_WORDS & set(words_in_name(look.name)))
            roles.split = look.name
            roles.said.append(f"split: {look.name} says which rows are test ({'sure' if named else 'likely'})")
            return


def _pick_target(looks: Mapping[str, Look], roles: Roles) -> None:
    free = [look for look in _free(looks, roles) if not look.is_constant]
    named = _first_named(free, TARGET_WORDS)
    if named:
        roles.target = named.name
        roles.said.append(f"target: {named.name}, by its name (sure)")
        return
    free = [look for look in free if len(look.values) == look.n_rows]  # what has blanks is hardly what is sought
    labels = [look for look in free if _looks_like_labels(look)]
    last = free[-1] if free else None
    if last in labels or (last and not labels and last.is_number and not is_id(last)):
        roles.target = last.name
        others = [look.name for look in labels if look is not last]
        or_else = f"; or --target {', --target '.join(others[:_MOST_NAMED])}" if others else ""
        only = "the last column" if others or not labels else "the only column of labels"
        sure = "likely" if labels == [last] else f"a guess{or_else}"
        roles.said.append(f"target: {last.name}, {only} ({sure})")
        return
    if len(labels) == 1:
        roles.target = labels[0].name
        roles.said.append(f"target: {labels[0].name}, the only column of labels (likely)")
        return
    found = f"several could be ({', '.join(look.name for look in labels)})" if labels else "none looks like one"
    raise _cannot_tell("target", looks, found)


def _pick_group(looks: Mapping[str, Look], roles: Roles) -> None:
    for look in _free(looks, roles):
        words = set(words_in_name(look.name))
        many = look.n_distinct >= min(_FEWEST_GROUPS, look.n_rows / 2) and look.rows_each >= 1.05
        if words & _GROUP_WORDS and many and not look.is_free_text and len(look.values) == look.n_rows:
            roles.group = look.name
            kept = "" if roles.split else ", so that no group is in dev and in test"
            roles.said.append(f"group: {look.name}, by its name and because values repeat{kept} (likely)")
            return


def _pick_time(looks: Mapping[str, Look], roles: Roles) -> None:
    for look in _free(looks, roles):
        if look.is_time and len(look.values) == look.n_rows and look.n_distinct > look.n_rows / 10:
            named = bool(_TIME_WORDS & set(words_in_name(look.name)))
            roles.time = look.name
            if not roles.split and not roles.group:
                roles.said.append(
                    f"split: the latest rows by {look.name} are test ({'likely' if named else 'a guess'})"
                )
            return


def _pick_inputs(looks: Mapping[str, Look], roles: Roles) -> None:
    free = [look for look in _free(looks, roles) if not _says_nothing(look)]
    pictures = [look for look in free if look.is_picture]
    if len(pictures) == 1 and not any(look.is_free_text for look in free):
        _one_input(roles, pictures[0], "the column with the names of pictures", "sure", [])
        return
    texts = [look for look in free if look.is_free_text]
    numbers = [look for look in free if look.is_number]
    named = _first_named([look for look in free if not look.is_number], _INPUT_WORDS)
    by_custom = named is not None and named.name.lower() in INPUT_NAMES
    if named and (by_custom or len(numbers) <= _MOST_NUMBERS_BESIDE_TEXT):
        _one_input(roles, named, "by its name", "sure", texts)
    elif len(texts) == 1 and len(numbers) <= _MOST_NUMBERS_BESIDE_TEXT:
        _one_input(roles, texts[0], "the only column of free text", "likely", texts)
    elif texts and len(numbers) <= _MOST_NUMBERS_BESIDE_TEXT:
        _several(roles, texts, "the columns of free text")
    elif free:
        _several(roles, free, "all other columns")
    else:
        raise _cannot_tell("input", looks, "no column is left beside the target that says anything")


def _one_input(roles: Roles, look: Look, why: str, sure: str, texts: Iterable[Look]) -> None:
    roles.inputs = (look.name,)
    others = [text.name for text in texts if text is not look]
    more = f"; {', '.join(others)} also holds text: add it with --input if it may be read" if others else ""
    roles.said.append(f"input: {look.name}, {why} ({sure}){more}")


def _several(roles: Roles, looks: Sequence[Look], why: str) -> None:
    roles.inputs = tuple(look.name for look in looks)
    roles.tabular = True
    shown = ", ".join(roles.inputs[:6]) + (f" and {len(looks) - 6} more" if len(looks) > 6 else "")
    roles.said.append(f"input: {shown}: {why} (likely)")


def _pick_slices(looks: Mapping[str, Look], roles: Roles) -> None:
    found = [
        look.name
        for look in _free(looks, roles)
        if 2 <= look.n_distinct <= _MOST_VALUES_OF_A_SLICE and look.rows_each >= 5 and not look.is_number
    ]
    roles.slices = tuple(found[:_MOST_SLICES])
    if roles.slices:
        roles.said.append(f"slices: {', '.join(roles.slices)}, because few values repeat (likely)")


def _first_named(looks: Sequence[Look], names: Sequence[str]) -> Look | None:
    """The column whose name comes first among `names`; else one whose name ends in such a word (`true_label`)."""
    for exact in (True, False):
        for name in names:
            for look in looks:
                words = words_in_name(look.name)
                if look.name.lower() == name if exact else words and words[-1] == name and len(name) > 1:
                    return look
    return None


def _looks_like_labels(look: Look) -> bool:
    return not look.is_time and not is_id(look) and guess_kind(look.values) == "classification"


def _says_nothing(look: Look) -> bool:
    """Whether a column cannot help: constant, a mere number of the row, or a name that never repeats."""
    return look.is_constant or (is_id(look) and not look.is_free_text)


def _cannot_tell(role: str, looks: Mapping[str, Look], found: str) -> DataError:
    return DataError(
        f"cannot tell which column is the {role}: {found}. The columns are {', '.join(looks)}.",
        f"Name it: merits init FILE --{role} COLUMN"
        + (" --target COLUMN" if role == "input" else "")
        + ", or the kind of task: --kind KIND.",
    )
