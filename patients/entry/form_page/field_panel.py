"""The panel beside a form: queries and history of one item, or all queries of the form."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_versions import item_of, path_label
from patients.casebook.item_history import ItemChange, add_threads, changes_of
from patients.casebook.navigation import address_of
from patients.casebook.row_words import cell_label
from patients.entry.capture_form import input_id
from patients.entry.form_page.page_drafts import attach_typed
from patients.models import Query, Record
from protocol.document.items import Item
from trials.access import Access
from trials.permissions import Permission
from trials.reader import reader_language


@dataclass(frozen=True, kw_only=True)
class FieldPanel:
    """The panel beside one form. item_name: name of the item whose queries and history are shown.

    typed_text: text that this person just sent there. typed_for_query: its query, 0 for a new one. refusal: why it
    was refused.
    """

    access: Access
    casebook: Casebook
    place: FormPlace
    record: Record | None
    editable: bool
    item_name: str = ""
    typed_text: str = ""
    typed_for_query: int = 0
    refusal: str = ""

    @property
    def _zone(self) -> str:
        return self.place.protocol.rules.trial.site.time_zone

    @property
    def address(self) -> str:
        """Return the address of the form."""
        return address_of(self.place)

    @cached_property
    def shown_record(self) -> Record | None:
        """Return the record in force, else the one struck out last: it keeps its history."""
        return self.record or self.casebook.record(self.place)

    @cached_property
    def queries(self) -> list[Query]:
        """Return the queries of this record, open ones first. One database query."""
        if self.record is None:
            return []
        rows = list(Query.objects.filter(record=self.record).select_related("opened_by"))
        for query in rows:
            query.label = self._label_of(query)
        return sorted(rows, key=lambda query: (query.state == Query.State.CLOSED, -query.pk))

    def _label_of(self, query: Query) -> str:
        if not query.row:
            return path_label(self.casebook, self.place.form, query.item)
        values = self.record.values if self.record else {}
        return cell_label(item_of(self.casebook, self.place.form, query.item), values, query)

    @property
    def open_queries(self) -> Mapping[str, int]:
        """Return the number of open queries by item."""
        return Counter(query.item for query in self.queries if query.state != Query.State.CLOSED)

    @cached_property
    def field(self) -> Item | None:
        """Return the item of the panel, also one that this form version no longer has; None for an unknown name."""
        values = self.shown_record.values if self.shown_record else {}
        known = self.item_name in self.place.form or self.item_name in values
        return item_of(self.casebook, self.place.form, self.item_name) if known else None

    @property
    def label(self) -> str:
        """Return the label of the item in the reader's language."""
        return self.field.label.in_language(reader_language()) if self.field else ""

    @cached_property
    def field_queries(self) -> list[Query]:
        """Return the queries of the item, each with its messages as `thread`. One database query."""
        found = [query for query in self.queries if self.field and query.item == self.field.name]
        add_threads(found, self._zone)
        if self.may_answer or self.may_close:
            attach_typed(found, self.casebook.patient, self.access.user)
        return found

    @cached_property
    def changes(self) -> list[ItemChange]:
        """Return the earlier values of the item."""
        if self.shown_record is None or self.field is None:
            return []
        return changes_of(self.shown_record, self.field, self._zone, files=self.may_see_files)

    @property
    def is_struck_out(self) -> bool:
        """Return True if the history is that of a form entered in error."""
        return self.record is None and self.shown_record is not None

    @property
    def may_see_files(self) -> bool:
        """Return True if this person may open attached files."""
        return self.access.may(Permission.SEE_FILES)

    @property
    def may_answer(self) -> bool:
        """Return True if this person may answer queries."""
        return self.access.may(Permission.ANSWER_QUERY)

    @property
    def may_close(self) -> bool:
        """Return True if this person may close and reopen queries."""
        return self.access.may(Permission.RAISE_QUERY)

    @property
    def may_ask(self) -> bool:
        """Return True if this person can raise a query on the item now: at most one query not of a check is open."""
        is_asked = any(each.state != Query.State.CLOSED and not each.by_check for each in self.field_queries)
        return self.record is not None and self.may_close and not is_asked

    @property
    def target(self) -> str:
        """Return the id of the item's first input."""
        return input_id(self.place.form, self.field.name) if self.field else ""
