"""Answer every unanswered yes/no item of a group with No in one action, and undo it. Only the page changes.

The protocol file names the groups (`all_no`). The page carries the answered items, so that the trail of the save says
which of them were answered as a group.
"""

from collections.abc import Iterable

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from patients.entry.answers import Answers
from patients.entry.controls import CONTROLS
from patients.entry.not_done import Marking, is_empty, marking
from patients.entry.posted import Action, PostedPage, not_our_page
from protocol.document.items import Item, ItemGroup

NO = "N"


def grouped_in(group: ItemGroup, inputs: QueryDict | None) -> list[str]:
    """Return the items of a group that its button answered with No and that still say so."""
    if inputs is None:
        return []
    sent = set(inputs.getlist(CONTROLS.grouped))
    return [item.name for item in _items(group) if item.name in sent and inputs.get(item.name) == NO]


def answered_group(posted: PostedPage, *, read: Answers, not_asked: Iterable[str]) -> Marking:
    """Answer every empty yes/no item of the group with No, or remove the answers that the button gave.

    read: the answers read from the inputs. not_asked: items that are hidden or undecided given the other answers.
    Raises BadRequest for an unknown group, or one in which the protocol file does not allow it.
    """
    groups = {str(number): group for number, group in enumerate(posted.place.form.groups)}
    group = groups.get(posted.target)
    if group is None or not group.all_no:
        raise BadRequest(not_our_page())
    if posted.action == Action.UNDO_ALL_NO:
        return _undone(posted, group)
    skipped = set(not_asked)
    names = [item.name for item in _items(group) if item.name not in skipped and is_empty(item, read)]
    fresh = posted.inputs.copy()
    for name in names:
        fresh[name] = NO
        fresh.appendlist(CONTROLS.grouped, name)
    told = ngettext("%(count)s item is answered No.", "%(count)s items are answered No.", len(names))
    message = told % {"count": len(names)} if names else _("No yes/no item here is unanswered.")
    return marking(posted, fresh, dict.fromkeys(names, NO), message)


def _undone(posted: PostedPage, group: ItemGroup) -> Marking:
    names = grouped_in(group, posted.inputs)
    fresh = posted.inputs.copy()
    for name in names:
        fresh[name] = ""
    left = [name for name in fresh.getlist(CONTROLS.grouped) if name not in names]
    fresh.setlist(CONTROLS.grouped, left)
    message = ngettext("%(count)s answer is removed.", "%(count)s answers are removed.", len(names))
    return marking(posted, fresh, dict.fromkeys(names, ""), message % {"count": len(names)})


def _items(group: ItemGroup) -> list[Item]:
    return [item for item in group.items if item.type == "yes_no" and not item.is_calculated]
