"""A whole group of a form marked "not done" in one action, and that taken back. Nothing is stored by it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from patients.entry.answers import Answers
from protocol.document.items import Form, Item, ItemGroup
from trials.reader import reader_language

CODE = "ND"
MARK, UNDO = "not-done-", "done-"
MARKED = "_marked"
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Marking:
    """What was typed with the marks; `put` is what changes in the inputs, `said` what is told of the group."""

    data: QueryDict
    group: int
    put: dict[str, str] = field(default_factory=dict)
    said: str = ""


def is_marking(action: str) -> bool:
    """Tell whether a button marks a group, or takes the marks back."""
    return action.startswith((MARK, UNDO))


def can_mark(group: ItemGroup) -> bool:
    """Tell whether a group has a button of its own: one item alone is marked beside itself."""
    return len(_markable(group.items)) >= FEWEST


def marked_in(group: ItemGroup, data: QueryDict | None) -> list[str]:
    """Return the items of a group that its button marked and that still are."""
    if data is None:
        return []
    sent = set(data.getlist(MARKED))
    return [item.name for item in group.items if item.name in sent and data.get(_missing(item)) == CODE]


def carried_out(
    action: str, *, form: Form, data: QueryDict, read: Answers, not_asked: Iterable[str]
) -> Marking:
    """Mark every empty item of the group as not done, or take back the marks this gave.

    read: what was typed, as it is understood. not_asked: items that the other answers rule out or leave open.
    Never touches an answer, however it is typed. Raises BadRequest for a group the form does not have.
    """
    number = action.removeprefix(MARK).removeprefix(UNDO)
    if number not in map(str, range(len(form.groups))):
        raise BadRequest(_("The form was changed on its way. Open it again."))
    group = form.groups[int(number)]
    if action.startswith(UNDO):
        return _undone(int(number), group, data)
    empty = [item for item in group.items if _is_empty(item, read) and item.name not in set(not_asked)]
    names = [item.name for item in _markable(empty)]
    fresh = data.copy()
    for name in names:
        fresh[f"{name}-missing"] = CODE
        fresh.appendlist(MARKED, name)
    left = [item for item in empty if item.name not in names and not item.is_calculated]
    return Marking(fresh, int(number), {f"{name}-missing": CODE for name in names}, _said(len(names), left))


def _undone(number: int, group: ItemGroup, data: QueryDict) -> Marking:
    names = marked_in(group, data)
    fresh = data.copy()
    for name in names:
        fresh[f"{name}-missing"] = ""
    fresh.setlist(MARKED, [name for name in fresh.getlist(MARKED) if name not in names])
    said = ngettext("%(count)s mark is taken back.", "%(count)s marks are taken back.", len(names))
    return Marking(fresh, number, {f"{name}-missing": "" for name in names}, said % {"count": len(names)})


def _markable(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if CODE in item.missing and not item.is_calculated]


def _missing(item: Item) -> str:
    return f"{item.name}-missing"


def _is_empty(item: Item, read: Answers) -> bool:
    """Tell whether nothing stands in the item, readable or not."""
    refused = any(path.partition("-")[0] == item.name for path in read.refused)
    return item.name not in read.values and not refused


def _said(count: int, left: list[Item]) -> str:
    sentence = ngettext("%(count)s item is marked not done.", "%(count)s items are marked not done.", count)
    told = sentence % {"count": count} if count else _("No item here is empty.")
    if not left:
        return told
    names = ", ".join(item.label.in_language(reader_language()) for item in left)
    return " ".join([told, _("Not done cannot be said of: %(items)s.") % {"items": names}])
