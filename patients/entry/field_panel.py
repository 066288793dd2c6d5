"""What stands beside a form: the queries and the history of the item that was asked for, or all queries."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.form_versions import item_of, path_label
from patients.casebook.item_history import ItemChange, add_threads, changes_of
from patients.casebook.navigation import address_of
from patients.entry.capture_form import input_id
from patients.models import Query, Record
from protocol.document.items import Item
from trials.access import Access
from trials.permissions import Permission
from trials.reader import reader_language


@dataclass(frozen=True, kw_only=True)
class FieldPanel:
    """The panel beside one form. asked: name of the item whose queries and history are shown.

    said: what this person just said there, in which query (said_in, 0 for a new one), and why it was refused.
    """

    access: Access
    casebook: Casebook
    place: FormPlace
    record: Record | None
    editable: bool
    asked: str = ""
    said: str = ""
    said_in: int = 0
    said_refused: str = ""

    @property
    def _zone(self) -> str:
        return self.place.protocol.rules.trial.site.time_zone

    @property
    def address(self) -> str:
        """The address of the form."""
        return address_of(self.place)

    @cached_property
    def queries(self) -> list[Query]:
        """The queries of this record, the open ones first. One query."""
        if self.record is None:
            return []
        rows = list(Query.objects.filter(record=self.record).select_related("opened_by"))
        for query in rows:
            query.label = path_label(self.casebook, self.place.form, query.item)
        return sorted(rows, key=lambda query: (query.state == Query.State.CLOSED, -query.pk))

    @property
    def open_queries(self) -> Mapping[str, int]:
        """How many queries are open by item."""
        return Counter(query.item for query in self.queries if query.state != Query.State.CLOSED)

    @cached_property
    def field(self) -> Item | None:
        """The item that was asked for, also one that the form does not ask any more; None for any other name."""
        values = self.record.values if self.record else {}
        known = self.asked in self.place.form or self.asked in values
        return item_of(self.casebook, self.place.form, self.asked) if known else None

    @property
    def label(self) -> str:
        """The item in words."""
        return self.field.label.in_language(reader_language()) if self.field else ""

    @cached_property
    def field_queries(self) -> list[Query]:
        """The queries of that item, each with its `thread`. One query."""
        found = [query for query in self.queries if self.field and query.item == self.field.name]
        add_threads(found, self._zone)
        return found

    @cached_property
    def changes(self) -> list[ItemChange]:
        """The history of that item."""
        if self.record is None or self.field is None:
            return []
        return changes_of(self.record, self.field, self._zone, files=self.may_see_files)

    @property
    def may_see_files(self) -> bool:
        """Whether this person opens attached files."""
        return self.access.may(Permission.SEE_FILES)

    @property
    def may_answer(self) -> bool:
        """Whether this person answers queries."""
        return self.access.may(Permission.ANSWER_QUERY)

    @property
    def may_close(self) -> bool:
        """Whether this person closes and reopens queries."""
        return self.access.may(Permission.RAISE_QUERY)

    @property
    def may_ask(self) -> bool:
        """Whether this person can raise a query on that item now: one thread of a person is open at a time."""
        is_asked = any(each.state != Query.State.CLOSED and not each.by_check for each in self.field_queries)
        return self.record is not None and self.may_close and not is_asked

    @property
    def target(self) -> str:
        """The id of the input of that item."""
        return input_id(self.place.form, self.field.name) if self.field else ""
