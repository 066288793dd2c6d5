"""Whether the first consent came before the first procedure of a patient, and how long before (ICH E6(R3) §2.8)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.addresses import address
from patients.casebook.navigation import record_address
from patients.models import Consent, Patient, Record, Sample
from patients.participation.milestones import milestones
from protocol.document.document import Protocol
from protocol.document.items import Form
from protocol.values.compared_dates import dated_answers
from protocol.values.moments import Moment, before, minutes_between
from trials.models import Trial
from trials.reader import reader_language

AFTER, BEFORE, UNDECIDED, WITHOUT, NONE = "after", "before", "undecided", "no_consent", "no_procedure"
VERDICTS: dict[str, str | Promise] = {
    BEFORE: gettext_lazy("Procedure before the consent"),
    WITHOUT: gettext_lazy("Procedure without a consent"),
    UNDECIDED: gettext_lazy("Same day, without a time"),
    AFTER: gettext_lazy("Consent before the procedure"),
    NONE: gettext_lazy("No procedure yet"),
}

URGENT = (BEFORE, WITHOUT, UNDECIDED, AFTER)


@dataclass(frozen=True, slots=True)
class Procedure:
    """One dated sample, procedure or infusion of a patient."""

    at: Moment
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class FirstProcedure:
    """The first consent and the first procedure of one patient, as compared.

    minutes: from the consent to the procedure, negative if the procedure came first; None if one has no time.
    """

    consent: Consent | None
    procedure: Procedure | None

    @property
    def verdict(self) -> str:
        """Return how they compare; a procedure without a time on the day of the consent is undecided."""
        if self.procedure is None:
            return NONE
        if self.consent is None:
            return WITHOUT
        earlier = before(self.procedure.at, Moment.from_iso(self.consent.given))
        return UNDECIDED if earlier is None else BEFORE if earlier else AFTER

    @property
    def minutes(self) -> int | None:
        """Return the minutes from the consent to the procedure; None unless both have a time."""
        if self.consent is None or self.procedure is None:
            return None
        least, most = minutes_between(Moment.from_iso(self.consent.given), self.procedure.at)
        return least if least == most else None


def first_procedures(trial: Trial, patients: Sequence[Patient]) -> dict[int, FirstProcedure]:
    """Return by patient the first consent and the first procedure. Five queries, whatever the number of patients.

    Procedures are what consent must come before: dates of forms with `samples` or `procedure` in the protocol file,
    samples, and the start of infusions, which both arms of a masked trial have. A procedure that certainly came before
    the consent is told first, then one that may have: an earlier one without a time must not hide it.
    """
    consents: dict[int, Consent] = {}
    valid = Consent.objects.filter(patient__in=patients).not_in_error().defer("representative_name")
    for consent in valid.order_by("given_at", "pk"):
        consents.setdefault(consent.patient_id, consent)
    found: dict[int, list[Procedure]] = {each.pk: [] for each in patients}
    for patient, procedure in (
        *_of_infusions(patients),
        *_of_samples(trial, patients),
        *_of_forms(trial, patients),
    ):
        found[patient].append(procedure)
    return {patient: _first(consents.get(patient), each) for patient, each in found.items()}


def _first(consent: Consent | None, procedures: Sequence[Procedure]) -> FirstProcedure:
    def rank(each: Procedure) -> tuple[int, datetime]:
        return URGENT.index(FirstProcedure(consent, each).verdict), each.at.earliest

    return FirstProcedure(consent, min(procedures, key=rank, default=None))


def _of_infusions(patients: Sequence[Patient]) -> Iterator[tuple[int, Procedure]]:
    for patient, given in milestones(patients).items():
        for each in given:
            if each.kind == "infusion":
                yield patient, Procedure(each.at, each.label)


def _of_samples(trial: Trial, patients: Sequence[Patient]) -> Iterator[tuple[int, Procedure]]:
    taken = Sample.objects.filter(patient__in=patients, collected_at__isnull=False).in_force()
    for row in taken.select_related("patient").order_by("pk"):
        url = address("patients:sample", trial.slug, row.patient.code, row.number)
        title = _("Sample %(sample)s") % {"sample": row.code}
        yield row.patient_id, Procedure(Moment.from_iso(row.collected), title, url)


def _of_forms(trial: Trial, patients: Sequence[Patient]) -> Iterator[tuple[int, Procedure]]:
    versions, language = trial.all_rules, reader_language()
    codes = {form.code for rules in versions.values() for form in _dated(rules)}
    rows = Record.objects.filter(patient__in=patients, form__in=codes).exclude(state=Record.State.STRUCK_OUT)
    for record in rows.select_related("patient__trial", "visit").order_by("pk"):
        form = versions[record.protocol_id].form(record.form)
        if not (form.samples or form.procedure):
            continue
        for where, _item, moment in dated_answers(form, record.values, trial.rules.trial.site.time_zone):
            name = where.partition("-")[0]
            url = f"{record_address(record, trial.slug)}?field={name}#{name}"
            yield record.patient_id, Procedure(moment, form.title.in_language(language), url)


def _dated(rules: Protocol) -> Iterable[Form]:
    return [form for form in rules.forms.values() if form.samples or form.procedure]
