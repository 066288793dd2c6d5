"""Mark every empty item of a group as not done in one action, and undo it. Only the inputs of the page change."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from patients.entry.answers import Answers
from patients.entry.controls import CONTROLS
from patients.entry.posted import Action, PostedPage, not_our_page, read_page
from protocol.document.items import Item, ItemGroup
from trials.reader import reader_language

CODE = "ND"
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Marking:
    """The page with the marks. inputs: the changed inputs. message: the message at the group's button."""

    posted: PostedPage
    group: int
    inputs: dict[str, str] = field(default_factory=dict)
    message: str = ""


def can_mark(group: ItemGroup) -> bool:
    """Return True if the group has a "not done" button; a single item has its own choice of missing codes."""
    return len(_markable(group.items)) >= FEWEST


def marked_in(group: ItemGroup, inputs: QueryDict | None) -> list[str]:
    """Return the items of a group that its button marked and that are still marked."""
    if inputs is None:
        return []
    sent = set(inputs.getlist(CONTROLS.marked))
    return [item.name for item in group.items if item.name in sent and inputs.get(_missing(item)) == CODE]


def marked_group(posted: PostedPage, *, read: Answers, not_asked: Iterable[str]) -> Marking:
    """Mark every empty item of the group as not done, or remove the marks that the button set.

    read: the answers read from the inputs. not_asked: items that are hidden or undecided given the other answers.
    An item with any typed text, readable or not, is left unchanged. Raises BadRequest for an unknown group.
    """
    groups = posted.place.form.groups
    if posted.target not in map(str, range(len(groups))):
        raise BadRequest(not_our_page())
    group = groups[int(posted.target)]
    if posted.action == Action.UNDO_NOT_DONE:
        return _unmarked(posted, group)
    empty = [item for item in group.items if is_empty(item, read) and item.name not in set(not_asked)]
    names = [item.name for item in _markable(empty)]
    fresh = posted.inputs.copy()
    for name in names:
        fresh[f"{name}-missing"] = CODE
        fresh.appendlist(CONTROLS.marked, name)
    left = [item for item in empty if item.name not in names and not item.is_calculated]
    return marking(posted, fresh, {_missing_name(name): CODE for name in names}, _message(len(names), left))


def _unmarked(posted: PostedPage, group: ItemGroup) -> Marking:
    names = marked_in(group, posted.inputs)
    fresh = posted.inputs.copy()
    for name in names:
        fresh[f"{name}-missing"] = ""
    fresh.setlist(CONTROLS.marked, [name for name in fresh.getlist(CONTROLS.marked) if name not in names])
    message = ngettext("%(count)s mark is removed.", "%(count)s marks are removed.", len(names))
    return marking(
        posted, fresh, {_missing_name(name): "" for name in names}, message % {"count": len(names)}
    )


def marking(posted: PostedPage, fresh: QueryDict, inputs: dict[str, str], message: str) -> Marking:
    """Return the page with other inputs. inputs: those that changed."""
    page = replace(read_page(posted.place, fresh), action=posted.action, target=posted.target)
    return Marking(page, int(posted.target), inputs, message)


def _markable(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if CODE in item.missing and not item.is_calculated]


def _missing(item: Item) -> str:
    return _missing_name(item.name)


def _missing_name(name: str) -> str:
    return f"{name}-missing"


def is_empty(item: Item, read: Answers) -> bool:
    """Return True if the item is empty: no value and no text that cannot be read."""
    refused = any(path.partition("-")[0] == item.name for path in read.refused)
    return item.name not in read.values and not refused


def _message(count: int, not_marked: list[Item]) -> str:
    sentence = ngettext("%(count)s item is marked not done.", "%(count)s items are marked not done.", count)
    text = sentence % {"count": count} if count else _("No item here is empty.")
    if not not_marked:
        return text
    names = ", ".join(item.label.in_language(reader_language()) for item in not_marked)
    return " ".join([text, _("These items cannot be marked not done: %(items)s.") % {"items": names}])
