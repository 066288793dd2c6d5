"""Drafts of pages that are not forms of items: infusions, changes of events, consents, deviations, steps, logs.

A page keeps its inputs under its own address, with the right with which it is saved: whoever may not open the page
reads no draft of it. A draft starts no clock and changes nothing but the page of its author; the save deletes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.sessions.kept_forms import kept_data
from patients.entry import drafts
from patients.models import Draft, Patient, QueryRow
from trials.access import TrialRequest
from trials.reader import shown_moment
from trials.typed_input import KeepsInput

KEEP, DISCARD = "keep", "discard"
VERSION = "version"


@dataclass(frozen=True, slots=True)
class PagePlace:
    """A page of a patient or of the trial, as the place of a draft. Its key is no key of a form."""

    patient: Patient | None
    key: str


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """The facts with which a page keeps its inputs: where they are sent or discarded, and the draft shown, if any."""

    address: str
    discard: str
    restored: Draft | None
    restored_at: str


class PageDraft:
    """The draft of one person on one page of a patient, or of the trial.

    The page is made in this order: its form from `sent`; `answer`, which ends the request if it is not None; `finished`
    after the save; `keep` if it was refused; `show` before the page is rendered.
    """

    def __init__(
        self,
        request: TrialRequest,
        patient: Patient | None,
        *,
        place: PagePlace | None = None,
        keep_at: str = "",
    ) -> None:
        """Name the draft by the address of the page. place, keep_at: of a form that several pages show and send."""
        self.request, self.user, self.keeps = request, request.user, False
        self.place, self.keep_at = place, keep_at or request.path
        self.draft: Draft | None = None
        if place is None:
            below = f"/{patient.code}/" if patient is not None else ""
            page = (request.path.partition(below)[2] if below else "") or request.path
            self.place = PagePlace(patient, f"{Draft.PAGE}{page}"[:120])

    @property
    def sent(self) -> QueryDict | None:
        """Return the sent input, or the input that was kept when the session ended; None if the page is only opened."""
        return self.request.POST if self.request.method == "POST" else kept_data(self.request)

    def answer(self, form: KeepsInput) -> HttpResponse | None:
        """Keep or discard what was sent, if that is all that is asked; return None for any other request."""
        self.keeps = self.place is not None and form.keeps_draft
        if self.request.method != "POST" or not self.keeps:
            return None
        if DISCARD in self.request.GET:
            self.forget()
            return redirect(self.keep_at)
        if KEEP not in self.request.GET:
            return None
        draft = self.keep(form)
        if draft is None:
            return JsonResponse({"kept": _("Not saved yet")})
        return JsonResponse({"kept": _("Kept %(when)s") % {"when": self._kept_at(draft)}})

    def keep(self, form: KeepsInput) -> Draft | None:
        """Store what was typed. Return None, and store nothing, if it does not differ from what the page began with."""
        if self.place is None or not self.keeps:
            return None
        shown = {field.name for field in form.visible_fields() if not field.name.startswith("password")}
        ticked = any(form.data.getlist(name) for name in form.also_kept)  # type: ignore[attr-defined]
        if not ticked and not shown & set(form.changed_data):
            self.forget()
            return None
        inputs, data = QueryDict(mutable=True), form.data
        for name in form.also_kept:
            inputs.setlist(name, data.getlist(name))  # type: ignore[attr-defined]
        for name, field in form.fields.items():
            if not name.startswith("password") and not field.widget.needs_multipart_form:
                inputs.setlist(name, data.getlist(name))  # type: ignore[attr-defined]
        version = str(data.get(VERSION, ""))
        return drafts.keep_draft(
            place=self.place,
            inputs=inputs,
            base_version=int(version) if version.isdecimal() and len(version) < 9 else 0,
            by=self.user,
        )

    def stored(self) -> Draft | None:
        """Return the draft of this page, or None. One query."""
        if self.place is None:
            return None
        return drafts.draft_of(place=self.place, user=self.user)

    def show(self, form: KeepsInput) -> None:
        """Let the form keep what is typed; one that is opened shows the draft. One query for an opened form."""
        if not self.keeps:
            return
        draft = self.draft = None if form.is_bound else self.stored()
        if draft is not None:
            inputs = drafts.typed_in(draft)
            for name in set(inputs) & set(form.fields):
                widget = form.fields[name].widget
                form.initial[name] = widget.value_from_datadict(inputs, {}, name)
            form.arrange()
        begin = f"{self.keep_at}{'&' if '?' in self.keep_at else '?'}"
        address, discard = f"{begin}{KEEP}=1", f"{begin}{DISCARD}=1"
        form.draft = ShownDraft(address, discard, draft, self._kept_at(draft) if draft else "")

    def also_typed(self, name: str) -> list[str]:
        """Return the inputs of a name that is no field of the form, as the shown draft keeps them."""
        return drafts.typed_in(self.draft).getlist(name) if self.draft is not None else []

    def _kept_at(self, draft: Draft) -> str:
        return shown_moment(draft.saved_at, self.request.trial.zone)

    def forget(self) -> None:
        """Delete the draft. One statement, none for a form that keeps nothing."""
        if self.place is not None and self.keeps:
            drafts.discard(place=self.place, user=self.user)


def filtered_page(request: TrialRequest, query: str) -> PageDraft:
    """Return the draft of a page of the trial that is about what a filter shows: each filter has its own."""
    asked = QueryDict(query, mutable=True)
    for name in (KEEP, DISCARD):
        asked.pop(name, None)
    query, named = asked.urlencode(), f"{Draft.PAGE}{request.path}"[:100]
    place = PagePlace(None, f"{named}?{sha256(query.encode()).hexdigest()[:16]}")
    return PageDraft(request, None, place=place, keep_at=f"{request.path}?{query}" if query else request.path)


def message_place(query: QueryRow) -> PagePlace:
    """Return the place of the draft of a message on a query, wherever it is typed."""
    return PagePlace(query.patient, _place_of_message(query))


def _place_of_message(query: QueryRow) -> str:
    # The logs number their queries each for itself.
    return f"{Draft.PAGE}{query.pages.rpartition(':')[2]}/{query.pk}"


def attach_typed(queries: Sequence[QueryRow], patient: Patient, user: User) -> None:
    """Set `typed` of each query to what the person typed there and did not send. One query, none without queries."""
    places = {_place_of_message(query): query for query in queries}
    for query in queries:
        query.typed = ""  # type: ignore[attr-defined]
    rows = Draft.objects.filter(user=user, patient=patient, place__in=list(places)) if places else []
    for draft in rows:
        places[draft.place].typed = drafts.typed_in(draft).get("text", "")  # type: ignore[attr-defined]


def finished(page: PageDraft, address: Any) -> HttpResponse:
    """Delete the draft of a page that was saved, and redirect."""
    page.forget()
    return redirect(address)
