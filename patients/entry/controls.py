"""The names of the inputs of a form's page that are not answers: button, versions, reason, choices.

One list serves the page that writes the inputs (`page.controls`), `patients.entry.posted`, which reads them, and the
tests. The scripts of the page send the inputs with the form without knowing their names.
"""

from dataclasses import dataclass

from patients.participation.questions import CONFIRMED


@dataclass(frozen=True, slots=True)
class Controls:
    """The names of the inputs. An item cannot have one of them: the names of items begin with a letter."""

    # The button that was pressed: one of the values below.
    action: str = "_action"
    # The version of the record that the page shows, 0 before the first save.
    version: str = "_version"
    # The key of the protocol version under which the page was rendered.
    protocol: str = "_protocol"
    # "complete" if the record was complete when the page was rendered.
    state: str = "_state"
    # The key of one rendered page, so that a second click on its button does not save twice.
    key: str = "_key"
    # Present if the row is entered in the list of its log, not on a page of its own.
    listed: str = "_listed"
    # The reason for changing a complete form: a code of the pick-list, and free text.
    reason: str = "_reason"
    note: str = "_note"
    # Edit conflict: the items that differ, and for each (`_choose-hr`) which value is kept.
    differs: str = "_differs"
    choose: str = "_choose-"
    # The items that the button of their group marked as not done.
    marked: str = "_marked"
    # The items that the button of their group answered with No.
    grouped: str = "_grouped"

    # The box that confirms what the save asked about other records.
    questions: str = CONFIRMED

    # Values of the button. All but the first two end with the name of an item or the number of a group.
    draft: str = "draft"
    next: str = "next"
    add_row: str = "add-"
    not_done: str = "not-done-"
    undo_not_done: str = "done-"
    all_no: str = "all-no-"
    undo_all_no: str = "some-no-"
    take: str = "take-"

    complete: str = "complete"
    stored: str = "stored"
    mine: str = "mine"


CONTROLS = Controls()
