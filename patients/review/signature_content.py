"""The signing forms, with what an investigator reads first: content, changes since signature, queries (SIG-04)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import Meaning
from patients.casebook.form_content import ReadSection, form_title
from patients.casebook.form_versions import record_sections
from patients.casebook.navigation import form_address
from patients.casebook.range_flags import readings_of
from patients.models import Patient, Query, Record
from patients.participation.forms import PasswordForm
from patients.review.review_page import where
from patients.review.signatures import ChangesSinceSignature, changes_since_signature

LOGS = "logs"
# Before the subject code: the content of all visits of the patient on the page was reviewed.
WHOLE_PATIENT = "patient:"


@dataclass(frozen=True, slots=True)
class FormToSign:
    """One form: its content, its changes since the last signature (None if never signed), its open queries."""

    record: Record
    title: str
    url: str
    value: str
    sections: list[ReadSection]
    changes: list[ChangesSinceSignature] | None
    queries: list[Query]

    @property
    def signed(self) -> bool:
        """Return True if the form has a valid signature."""
        return bool(getattr(self.record, "is_signed", False))


@dataclass(frozen=True, slots=True)
class VisitToSign:
    """The forms of one visit, or the rows of the logs; `key` identifies the box “content reviewed”.

    visit_key: the visit in addresses.
    """

    key: str
    title: str
    forms: list[FormToSign]
    patient: Patient
    visit_key: str

    @property
    def patient_key(self) -> str:
        """Return the key of the box “content of all visits of the patient reviewed”."""
        return f"{WHOLE_PATIENT}{self.patient.code}"

    @property
    def drafts(self) -> int:
        """Return how many forms are not complete."""
        return sum(form.record.state != Record.State.COMPLETE for form in self.forms)

    @property
    def changed(self) -> int:
        """Return how many forms were changed since they were signed."""
        return sum(bool(form.changes) for form in self.forms)

    @property
    def open_queries(self) -> int:
        """Return how many queries are open."""
        return sum(len(form.queries) for form in self.forms)

    @property
    def signed(self) -> int:
        """Return how many forms have a valid signature."""
        return sum(form.signed for form in self.forms)


def visits_to_sign(records: Sequence[Record], *, of_several: bool = False) -> list[VisitToSign]:
    """Return the forms by visit with all that is shown before signing. Five queries. Reads record.patient.trial.

    of_several: the forms are of several patients, whose codes stand in keys and titles.
    """
    changes, queries = changes_since_signature(records), _open_queries(records)
    readings = readings_of(records[0].patient.trial, records) if records else {}
    found: dict[str, VisitToSign] = {}
    for record in records:
        visit_key = record.visit.key if record.visit else LOGS
        key, title, patient = visit_key, where(record), record.patient
        if of_several:
            key, title = f"{patient.code}/{visit_key}", f"{patient.code} · {title}"
        block = found.setdefault(key, VisitToSign(key, title, [], patient, visit_key))
        sections = record_sections(record, readings.get(record.pk))
        block.forms.append(_form(record, sections, changes.get(record.pk), queries.get(record.pk, [])))
    return list(found.values())


def _form(
    record: Record,
    sections: list[ReadSection],
    changes: list[ChangesSinceSignature] | None,
    queries: list[Query],
) -> FormToSign:
    title = form_title(record)
    return FormToSign(
        record=record,
        title=title if record.visit else f"{title} {record.repeat}",
        url=form_address(record.patient, record.form, record.visit, record.repeat),
        value=f"{record.pk}:{record.version}",
        sections=sections,
        changes=changes,
        queries=queries,
    )


def _open_queries(records: Sequence[Record]) -> dict[int, list[Query]]:
    found: dict[int, list[Query]] = {}
    rows = Query.objects.filter(record__in=records, state__in=Query.OPEN_STATES)
    for query in rows:
        found.setdefault(query.record_id, []).append(query)
    return found


class SignForm(PasswordForm):
    """The chosen forms, the visits whose content was reviewed, the meaning and the password.

    A form is identified with the version that was read. The visit of each chosen form must be ticked as reviewed.
    """

    meaning = forms.ChoiceField(
        label=gettext_lazy("Meaning of the signature"), choices=Meaning.choices, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, visits: Sequence[VisitToSign], **kwargs: Any) -> None:
        self.visits = visits
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(*(self.layout_of(name) for name in ("meaning", "password")))

    def add_fields(self, zone: str) -> None:
        self.fields["chosen"] = forms.MultipleChoiceField(
            label=gettext_lazy("Forms"),
            choices=[(form.value, form.title) for visit in self.visits for form in visit.forms],
            error_messages={
                "invalid_choice": gettext_lazy(
                    "A form was changed or signed since this page was opened. Read it again."
                )
            },
        )
        self.fields["reviewed"] = forms.MultipleChoiceField(
            label=gettext_lazy("Content reviewed"),
            choices=[
                *((visit.key, visit.title) for visit in self.visits),
                *((key, patient.code) for key, patient in self.patients),
            ],
            required=False,
        )

    @property
    def patients(self) -> list[tuple[str, Patient]]:
        """Return key and patient of each box “content of all visits reviewed”, for patients with several visits."""
        found = {visit.patient_key: visit.patient for visit in self.visits}
        numbers = Counter(visit.patient_key for visit in self.visits)
        return [(key, patient) for key, patient in found.items() if numbers[key] > 1]

    def clean(self) -> dict[str, Any]:
        """Add an error if a visit with chosen forms is not ticked as reviewed (SIG-04)."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        reviewed = set(cleaned.get("reviewed", ()))
        missing = [
            visit.title
            for visit in self.signed_visits()
            if reviewed.isdisjoint({visit.key, visit.patient_key})
        ]
        if missing:
            sentence = _("Tick that you reviewed the content: %(visits)s.")
            self.add_error("reviewed", sentence % {"visits": ", ".join(missing)})
        return cleaned

    def signed_visits(self) -> Iterable[VisitToSign]:
        """Return the visits of the chosen forms."""
        chosen = set(self.cleaned_data.get("chosen", ()))
        return [visit for visit in self.visits if any(form.value in chosen for form in visit.forms)]

    def records(self) -> list[Record]:
        """Return the chosen records."""
        chosen = set(self.cleaned_data["chosen"])
        return [form.record for visit in self.visits for form in visit.forms if form.value in chosen]


class SignWholeForm(SignForm):
    """The signature on a whole visit or casebook, with the versions of all its forms as they were read."""

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields["chosen"].required = False
        self.fields["seen"] = forms.CharField(
            required=False, widget=forms.HiddenInput, initial=self.fingerprint
        )

    @property
    def fingerprint(self) -> str:
        """Return the forms shown on this page with their versions: `record:version` joined by commas."""
        return ",".join(form.value for visit in self.visits for form in visit.forms)

    def signed_visits(self) -> Iterable[VisitToSign]:
        return self.visits

    def clean_seen(self) -> dict[int, int]:
        """Return the versions that were read by record key. Raises ValidationError for an unreadable field."""
        try:
            pairs = (part.split(":") for part in self.cleaned_data["seen"].split(",") if part)
            return {int(record): int(version) for record, version in pairs}
        except ValueError:
            raise ValidationError(_("Open this page again: what it sent cannot be read.")) from None
