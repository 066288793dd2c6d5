"""The rows that a public register counts, from the data of a trial: events, exposed patients, deaths, arms (RES-02)."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from dosing.models import AllocationSlot
from patients.models import Patient
from patients.participation.death import deaths_in
from safety.classification import is_fatal
from safety.models import AdverseEvent, Dictionary, EventCoding
from safety.registries.rows import CountedEvent, ReportingArm
from trials.models import Trial

COLUMNS = ["term", "preferred_term", "organ_class"]
LONGEST_TITLE = 62


class TermsRefused(ValueError):
    """A table of coded terms cannot be read. Its argument says why."""


@dataclass(frozen=True)
class CodedWords:
    """How one term of the trial is coded: preferred term, and organ class by MedDRA code or words."""

    preferred_term: str
    organ_class: str


def coded_terms(path: Path) -> dict[str, CodedWords]:
    """Return the coding of a CSV file with the columns term, preferred_term, organ_class, by the term in lower case.

    Raises TermsRefused for another file, and for a term that is coded twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TermsRefused(f"{path}: {error}") from None
    found: dict[str, CodedWords] = {}
    for number, row in enumerate(rows, start=2):
        if any(not isinstance(row.get(name), str) for name in COLUMNS):
            raise TermsRefused(f"{path}, line {number}: the columns are {', '.join(COLUMNS)}")
        key = row["term"].strip().casefold()
        if key in found:
            raise TermsRefused(f"{path}, line {number}: {row['term']} is coded twice")
        found[key] = CodedWords(row["preferred_term"].strip(), row["organ_class"].strip())
    return found


def counted_events(trial: Trial, coded: dict[str, CodedWords], release: str = "") -> list[CountedEvent]:
    """Return the events from the first infusion on; those certainly before it and those in error are left out.

    An event has its code in the release of MedDRA, else that of its term in `coded`, a file. A term without either
    keeps its words and has no organ class: the register then refuses it by name.
    """
    rows = AdverseEvent.objects.filter(trial=trial).not_in_error()
    events = rows.select_related("patient", "coding__dictionary").order_by("pk")
    return [_counted(event, coded, release) for event in events if not _before_treatment(event, trial)]


def _counted(event: AdverseEvent, coded: dict[str, CodedWords], release: str) -> CountedEvent:
    words = _coding(event, release) or coded.get(event.term.strip().casefold(), CodedWords(event.term, ""))
    return CountedEvent(
        patient=event.patient.code,
        term=words.preferred_term,
        organ_class=words.organ_class,
        serious=event.serious,
        related=event.related,
        fatal=is_fatal(event.answers),
    )


def _coding(event: AdverseEvent, release: str) -> CodedWords | None:
    """Return the code of an event in a release; None without one, and if the event was renamed since it was coded."""
    coding: EventCoding | None = getattr(event, "coding", None)
    if coding is None or coding.coded_words != event.term:
        return None
    found = coding.dictionary
    if (found.kind, found.version) != (Dictionary.Kind.MEDDRA, release):
        return None
    return CodedWords(coding.preferred or coding.name, coding.organ_class)


def _before_treatment(event: AdverseEvent, trial: Trial) -> bool:
    first = event.patient.first_infusion_on
    return first is not None and event.onset_latest.astimezone(trial.zone).date() < first


def reporting_arms(trial: Trial, *, sees_treatment: bool) -> list[ReportingArm]:
    """Return the reporting groups: the arms once the treatment of the trial is opened, until then all in one (RES-05).

    sees_treatment: whether the reader may know the arms. A trial with one arm has one group.
    """
    patients = list(Patient.objects.filter(trial=trial).order_by("number"))
    dead = deaths_in(trial)
    died = {patient.code for patient in patients if patient.pk in dead}
    arms = trial.rules.arms
    opened = trial.masked and trial.opened_to is not None and sees_treatment
    if not (opened or (not trial.masked and len(arms) > 1)):
        title = (
            arms[0].title.in_language("en")
            if len(arms) == 1 and not trial.masked
            else _("All patients (blinded)")
        )
        return [_arm(title, patients, died)]
    given = dict(AllocationSlot.objects.filter(patient__trial=trial).values_list("patient_id", "arm"))
    return [
        _arm(arm.title.in_language("en"), [each for each in patients if given.get(each.pk) == arm.code], died)
        for arm in arms
    ]  # fmt: skip


def _arm(title: str, patients: Iterable[Patient], died: set[str]) -> ReportingArm:
    exposed = frozenset(patient.code for patient in patients if patient.given_infusions)
    return ReportingArm(title=title[:LONGEST_TITLE], exposed=exposed, died=exposed & died)
