"""The inputs of a form's page that are not answers: what the page tells the server about itself.

One list for the page that writes them (`page.controls`), for `patients.entry.posted`, which reads them, and for the
tests. The scripts of the page send them with the form and name none of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Controls:
    """The names of the inputs. An item cannot have one of them: the names of items begin with a letter."""

    # The button that was pressed: one of the values below.
    action: str = "_action"
    # The version of the record that the page shows, 0 before the first save.
    version: str = "_version"
    # The version of the protocol that the page was made from.
    protocol: str = "_protocol"
    # "complete" when the record was complete as the page was made.
    state: str = "_state"
    # The key of one rendered page: it is saved once.
    key: str = "_key"
    # Present when the row is entered in the list of its log.
    listed: str = "_listed"
    # Why a complete form is changed: a code of the pick-list, and words.
    reason: str = "_reason"
    note: str = "_note"
    # Two people on one form: the items that differ, and for each (`_choose-hr`) which value is kept.
    differs: str = "_differs"
    choose: str = "_choose-"
    # The items that the button of their group marked as not done.
    marked: str = "_marked"

    # Values of the button. The last three are followed by an item or by the number of a group.
    draft: str = "draft"
    next: str = "next"
    add_row: str = "add-"
    not_done: str = "not-done-"
    undo_not_done: str = "done-"

    complete: str = "complete"
    stored: str = "stored"
    mine: str = "mine"


CONTROLS = Controls()
