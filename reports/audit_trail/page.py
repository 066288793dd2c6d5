"""One page of the trail for a reader: filters, entries, count, and the addresses around it."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.trail_index import finding, pages
from audit.trail_index.building import refresh, waiting
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.reading import Page, TrailEntry, TrailPosition
from reports.audit_trail.forms import TrailForm
from reports.audit_trail.lines import LabelledText, TrailLine, lines_of
from trials.access import TrialRequest
from trials.listing.parts import Chip
from trials.models import ProtocolVersion, Trial
from trials.reader import reader_language

NO_FILTERS = frozenset({"after", "format", "view"})


class TrailPage:
    """One page of the trail. Attribute names are those that the listing templates expect."""

    kept_parameters: tuple[Any, ...] = ()
    previous_url = ""

    def __init__(self, request: TrialRequest, parameters: QueryDict | None = None) -> None:
        self.request, self.trial = request, request.trial
        self.parameters = request.GET if parameters is None else parameters
        self.may = {str(permission) for permission in request.access.permissions}
        self.people = list(
            User.objects.filter(delegations__trial=self.trial).distinct().order_by("full_name")
        )
        self.form = TrailForm(self.parameters, trial=self.trial, people=self.people, may=self.may)
        self.reader = self.reader_in(reader_language())

    def reader_in(self, language: str) -> Reader:
        """Return a reader of the entries in a language."""
        reader = reader_of(self.trial, self.people, language)
        reader.may = self.may
        return reader

    @property
    def valid(self) -> bool:
        """Return whether every filter is valid."""
        return self.form.is_valid()

    @cached_property
    def complete(self) -> bool:
        """Return whether every entry can be found: the index is up to date."""
        return refresh()

    @property
    def waiting(self) -> int:
        """Return about how many entries cannot be found yet."""
        return waiting()

    @property
    def shows(self) -> bool:
        """Return whether the page can show entries: its filters can be read and every entry can be found."""
        return self.valid and self.complete

    @cached_property
    def page(self) -> Page:
        """Return the entries of this page. Raises BadRequest for an unreadable `after` parameter."""
        position = self.parameters.get("after", "")
        after = TrailPosition.read(position) if position else None
        if position and after is None:
            raise BadRequest(_("This page of the trail cannot be found."))
        if not self.shows:
            return Page([], None)
        return pages.page(
            self.form.filter(),
            may=self.may,
            reader=self.reader,
            after=after,
            oldest_first=self.form.oldest_first,
        )

    @cached_property
    def lines(self) -> list[TrailLine]:
        """Return the entries of this page as lines."""
        return self.lines_of(self.page.entries)

    def lines_of(self, entries: Sequence[TrailEntry]) -> list[TrailLine]:
        """Return entries as lines."""
        return lines_of(entries, self.trial.slug, self.filter_words, self.parameters.get("item", ""))

    @cached_property
    def count(self) -> int:
        """Return the number of entries that pass the filters, up to one more than is counted exactly."""
        return finding.count(self.form.filter(), may=self.may) if self.shows else 0

    @property
    def count_words(self) -> str:
        """Return the number of entries as text: exact up to 10,000."""
        if self.count > finding.COUNTED:
            return _("More than 10,000 entries")
        return ngettext("%(number)s entry", "%(number)s entries", self.count) % {"number": self.count}

    @property
    def chips(self) -> list[Chip]:
        """Return the active filters, each with the URL that removes it."""
        found = []
        for name, label, words in named_filters(self.form, self.parameters):
            if name == "row" and self.lines:
                words = self.lines[0].subject.title
            found.append(Chip(label, words, self.url(without=name)))
        return found

    def filter_words(self, query: str) -> list[LabelledText]:
        """Return label and value of the filters of an address, in the active language."""
        parameters = QueryDict(query)
        form = TrailForm(parameters, trial=self.trial, people=self.people, may=self.may)
        return [(label, words) for _name, label, words in named_filters(form, parameters)]

    @property
    def clear_url(self) -> str:
        """Return the URL without filters."""
        return self.request.path

    @property
    def first_url(self) -> str:
        """Return the URL of the first page with these filters; empty on the first page."""
        return self.url() if self.parameters.get("after") else ""

    @property
    def started_at(self) -> str:
        """Return the URL of the first page for the pager; empty on the first page."""
        return self.first_url

    @property
    def next_url(self) -> str:
        """Return the URL of the next page; empty on the last page."""
        return self.url(after=str(self.page.next)) if self.page.next else ""

    @property
    def csv_url(self) -> str:
        """Return the URL of the filtered entries as CSV."""
        return self.url(format="csv")

    @property
    def query(self) -> str:
        """Return the active filters as a query string."""
        return self.url().partition("?")[2]

    def url(self, without: str = "", **added: str) -> str:
        """Return the URL of this page with other parameters."""
        left_out = NO_FILTERS | {without}
        kept = {name: value for name, value in self.parameters.items() if value and name not in left_out}
        query = urlencode(kept | added)
        return f"{self.request.path}?{query}" if query else self.request.path


def reader_of(trial: Trial, people: Sequence[User], language: str) -> Reader:
    """Return a Reader with a language and the site's time zone. One query for the versions of the protocol."""
    reader = Reader(language=language, zone=trial.rules.trial.site.time_zone)
    # Nearly every entry refers to these rows: loaded once, not again for each page.
    reader.rows = {User: {person.pk: person for person in people}, Trial: {trial.pk: trial}}
    versions = (
        ProtocolVersion.with_withdrawn.filter(trial=trial).defer("text").order_by("-effective_from", "-pk")
    )
    reader.rows[ProtocolVersion] = {version.pk: version for version in versions}
    return reader


def named_filters(form: TrailForm, parameters: QueryDict) -> Iterator[tuple[str, str, str]]:
    """Yield name, label and value of each filter that is set, as texts."""
    for name, field in form.fields.items():
        if value := str(parameters.get(name, "")):
            words = dict(_flat(getattr(field, "choices", ()))).get(value, value)
            yield name, str(field.label or _("Only")), str(words)


def _flat(choices: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (value, label) of choices, including grouped ones."""
    for value, words in choices:
        if isinstance(words, list | tuple):
            yield from words
        else:
            yield value, words
