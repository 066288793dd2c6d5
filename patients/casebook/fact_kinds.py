"""The facts of consents, decisions on eligibility, contacts and the end of study, as queries name them."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.casebook.facts import FactKind, Words, patient_of_row
from patients.models import Consent, ContactAttempt, EligibilityDecision, Patient, Query, Sample
from trials.reader import reader_language, shown_day, shown_moment

Facts = Mapping[str, Words]


def _page(name: str) -> Any:
    def page(row: Any) -> str:
        patient = patient_of_row(row)
        return reverse(name, args=[patient.trial.slug, patient.code])

    return page


def _of_consent(row: Consent) -> Facts:
    # Not the name of a representative: it identifies a person.
    return {
        "type": (_("Given by"), row.get_type_display()),
        "representative_relation": (_("Relation to the patient"), row.representative_relation),
        "version": (_("Version of the form"), row.version),
        "given": (_("Given on"), row.given_words),
        "obtained_by": (_("Obtained by"), row.obtained_by),
        "capacity_regained_on": (_("Capacity regained on"), shown_day(row.capacity_regained_on)),
    }


def _of_decision(row: EligibilityDecision) -> Facts:
    language = reader_language()
    texts = {each.id: each.text.in_language(language) for each in row.protocol.rules.eligibility}
    return {
        "conclusion": (_("Conclusion"), row.get_conclusion_display()),
        "group": (_("Group"), row.group),
        "inclusion_on": (_("Intended day of inclusion"), shown_day(row.inclusion_on)),
        **{
            each["id"]: (" · ".join([each["id"], *filter(None, [texts.get(each["id"])])]), result_words(each))
            for each in row.criteria
        },
    }


def _stored_of_decision(row: EligibilityDecision, item: str) -> object:
    results = {each["id"]: each["allows"] for each in row.criteria}
    return results[item] if item in results else getattr(row, item)


def result_words(stored: Mapping[str, Any]) -> str:
    """Return the stored result of a criterion in words."""
    if stored["allows"] is None:
        return _("Undetermined")
    if stored["kind"] == "inclusion":
        return _("Met") if stored["allows"] else _("Not met")
    return _("Absent") if stored["allows"] else _("Present")


def _of_end(row: Patient) -> Facts:
    if row.ended_on is None:
        return {}
    return {
        "ended_on": (_("End of study"), shown_day(row.ended_on)),
        "end_reason": (_("Reason for the end"), row.get_end_reason_display()),
        "end_note": (_("Note on the end"), row.end_note),
    }


def _of_contact(row: ContactAttempt) -> Facts:
    return {
        "tried_on": (_("Day"), shown_day(row.tried_on)),
        "way": (_("Way"), row.get_way_display()),
        "tried_by": (_("By whom"), row.tried_by),
        "outcome": (_("Outcome"), row.get_outcome_display()),
        "note": (_("Note"), row.note),
    }


def _of_sample(row: Sample) -> Facts:
    return {
        "collected": (_("Collected"), shown_moment(row.collected) if row.collected else ""),
        "collected_by": (_("Collected by"), row.collected_by),
        "note": (_("Note"), row.note),
        "not_collected_reason": (_("Not collected because"), row.not_collected_reason),
    }


def _sample_page(row: Sample) -> str:
    return reverse("patients:sample", args=[row.patient.trial.slug, row.patient.code, row.number])


def _sample_struck_out(row: Sample) -> str:
    return _("This sample was entered in error and struck out.") if row.struck_out else ""


def _contact_struck_out(row: ContactAttempt) -> str:
    return _("This attempt was entered in error and struck out.") if row.struck_out else ""


def _struck_out(row: Consent) -> str:
    return _("This consent was entered in error and struck out.") if row.struck_out_reason else ""


KINDS = (
    FactKind(
        target=Query.Target.CONSENT,
        model=Consent,
        title=lambda row: _("Consent %(version)s") % {"version": row.version},
        facts=_of_consent,
        page=_page("patients:consent"),
        day=lambda row: row.given,
        day_column="given",
        refusal=_struck_out,
    ),
    FactKind(
        target=Query.Target.ELIGIBILITY,
        model=EligibilityDecision,
        title=lambda row: _("Eligibility"),
        facts=_of_decision,
        joins=("protocol",),
        raw=_stored_of_decision,
        page=_page("patients:eligibility"),
        day=lambda row: row.decided_at.astimezone(UTC).isoformat(timespec="seconds"),
        day_column="decided_at",
    ),
    FactKind(
        target=Query.Target.DISPOSITION,
        model=Patient,
        title=lambda row: _("End of study"),
        facts=_of_end,
        page=_page("patients:end"),
        day=lambda row: row.ended_on.isoformat() if row.ended_on else "",
        day_column="ended_on",
    ),
    FactKind(
        target=Query.Target.CONTACT,
        model=ContactAttempt,
        title=lambda row: _("Contact %(number)s") % {"number": row.number},
        facts=_of_contact,
        page=_page("patients:patient-contacts"),
        day=lambda row: row.tried_on.isoformat(),
        day_column="tried_on",
        refusal=_contact_struck_out,
    ),
    FactKind(
        target=Query.Target.SAMPLE,
        model=Sample,
        title=lambda row: f"{row.code} ({row.visit.key})",
        facts=_of_sample,
        page=_sample_page,
        refusal=_sample_struck_out,
        joins=("visit",),
        day=lambda row: row.collected,
        day_column="collected",
    ),
)
