"""Moving patients to another protocol version: an explicit step, with a preview of its changes (DAT-09).

Captured forms stay under their version until they are edited. Future visits are planned by the new version. The
rooms above follow on the signal `patient_moved`: dosing plans the infusions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting, because
from patients import signals
from patients.models import Consent, Patient, Record, Visit
from patients.participation.lifecycle import lock_patients, refuse_when_closed
from patients.participation.milestones import infusion_days, never_given
from patients.participation.protocol_amendments.visit_plan import VisitChange, visit_changes
from patients.participation.visits import OPEN_STATES
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import put_in_force

AT_ONCE = 200
DAYS = ("planned_on", "window_from", "window_to")


@dataclass(frozen=True)
class PatientMove:
    """The effect of a move on one patient.

    refusal: message why the patient cannot be moved, or empty. sign: version of the consent form to sign, or empty.
    """

    patient: Patient
    to: ProtocolVersion
    refusal: str
    sign: str
    visits: tuple[VisitChange, ...]

    def visits_that(self, kind: str) -> list[VisitChange]:
        """Return the visit changes of one kind: added, moved, cancelled or kept."""
        return [change for change in self.visits if change.kind == kind]

    @property
    def added(self) -> list[VisitChange]:
        """Return the visits that the new version adds."""
        return self.visits_that("added")

    @property
    def moved(self) -> list[VisitChange]:
        """Return the visits that the new version plans on other days."""
        return self.visits_that("moved")

    @property
    def cancelled(self) -> list[VisitChange]:
        """Return the visits that the new version no longer plans."""
        return self.visits_that("cancelled")


def preview(patients: Sequence[Patient], to: ProtocolVersion) -> list[PatientMove]:
    """Return the effect of a move on each patient. Seven queries, whatever their number; writes nothing."""
    if not patients:
        return []
    chain = chain_of(to.trial)
    versions = {version.pk: version for version in chain}
    for patient in patients:
        patient.trial, patient.protocol = to.trial, versions[patient.protocol_id]
    visits, begun = _visits(patients), _visits_with_forms(patients)
    days, consents = infusion_days(patients), _consents(patients)
    never = never_given(patients)
    found = []
    for patient in patients:
        changes_of_visits = visit_changes(
            patient,
            to.rules,
            visits[patient.pk],
            begun=begun,
            infusions=days.get(patient.pk, {}),
            never_given=never[patient.pk],
        )
        sign = _to_sign(patient, to, chain, consents.get(patient.pk))
        found.append(
            PatientMove(patient, to, move_refusal(patient, to, chain), sign, tuple(changes_of_visits))
        )
    return found


@transaction.atomic
def move(*, patients: Sequence[Patient], to: ProtocolVersion, reason: str, by: User) -> list[PatientMove]:
    """Move patients to a version: all of them, or none.

    `patients` are as the person saw them. Raises ValidationError without a reason, without patients or with more than
    AT_ONCE, if somebody moved one of them meanwhile, and with the obstacle of each patient who cannot be moved.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why these patients are moved.")})
    if not patients or len(patients) > AT_ONCE:
        raise ValidationError(_("Choose between one and %(most)s patients.") % {"most": AT_ONCE})
    # The trial's row before those of the patients: the order of every step (docs/architecture.md, "Locks").
    to.trial = put_in_force(to.trial)
    rows = _locked_patients(patients, to.trial)
    _refuse_moved_by_others(patients, rows)
    moving = preview(rows, to)
    if refused := [each.refusal for each in moving if each.refusal]:
        raise ValidationError(refused)
    with because(reason.strip()):
        for each in moving:
            _move_patient(each, reason.strip(), by)
    return moving


def chain_of(trial: Trial) -> list[ProtocolVersion]:
    """Return the protocol versions of a trial, each after the one it replaces. One query."""
    return list(trial.versions.order_by("effective_from", "pk"))


def move_refusal(patient: Patient, to: ProtocolVersion, chain: Sequence[ProtocolVersion]) -> str:
    """Return the message why a patient cannot be moved to a version, empty if there is no obstacle."""
    try:
        refuse_when_closed(patient)
    except ValidationError as refused:
        return " ".join(refused.messages)
    order = [version.pk for version in chain]
    parameters = {"patient": patient.code, "version": to.version, "state": patient.get_state_display()}
    if to.pk not in order:
        return _("%(version)s is not a version of this trial.") % parameters
    if patient.state not in OPEN_STATES:
        return _("%(patient)s cannot be moved: the status is “%(state)s”.") % parameters
    if order.index(to.pk) == order.index(patient.protocol_id):
        return _("%(patient)s is on version %(version)s already.") % parameters
    if order.index(to.pk) < order.index(patient.protocol_id):
        return (
            _("%(patient)s is on a later version than %(version)s: patients are not moved back.") % parameters
        )
    if not to.may_be_in_force:
        return _("Version %(version)s awaits the approval of the principal investigator.") % parameters
    if to.effective_from > patient.trial.today:
        return _("Version %(version)s is not in force yet.") % parameters
    return ""


def _locked_patients(patients: Sequence[Patient], trial: Trial) -> list[Patient]:
    rows = Patient.objects.filter(pk__in=[patient.pk for patient in patients], trial=trial)
    lock_patients(rows)
    return list(rows.order_by("pk"))


def _refuse_moved_by_others(seen: Iterable[Patient], rows: Sequence[Patient]) -> None:
    now = {row.pk: row.protocol_id for row in rows}
    moved = [patient.code for patient in seen if now.get(patient.pk) != patient.protocol_id]
    if moved:
        text = _(
            "%(patients)s: another user has moved them since this page was opened. Check the list again."
        )
        raise ValidationError(text % {"patients": ", ".join(moved)})


def _move_patient(moving: PatientMove, reason: str, by: User) -> None:
    patient, before = moving.patient, moving.patient.protocol
    patient.protocol, patient.reconsent_version = moving.to, moving.sign
    patient.save(update_fields=["protocol", "reconsent_version"])
    with acting(user=by, system="schedule", reason=reason):
        _write(patient, before, moving.visits)
    signals.patient_moved.send(sender=Patient, patient=patient, before=before, reason=reason, by=by)


def _write(patient: Patient, before: ProtocolVersion, changes: Sequence[VisitChange]) -> None:
    fresh: list[Visit] = []
    for change in changes:
        days: dict[str, Any] = {name: getattr(change.plan, name) for name in DAYS} if change.plan else {}
        if change.visit is None:
            identity = {"patient": patient, "code": change.code, "position": change.position}
            fresh.append(Visit(**identity, state=Visit.State.PLANNED, **days))
            continue
        columns: dict[str, Any] = {"position": change.position, **days}
        if change.kind == "added":
            columns |= {"state": Visit.State.PLANNED, "protocol_id": None}
        # A visit that the new version does not plan keeps its old version, which defines its title and forms.
        elif change.kind == "cancelled":
            columns |= {"state": Visit.State.CANCELLED, "protocol_id": before.pk}
        elif change.kind == "kept" and change.plan is None:
            columns["protocol_id"] = change.visit.protocol_id or before.pk
        _update(change.visit, columns)
    Visit.objects.bulk_create(fresh)


def _update(visit: Visit, columns: Mapping[str, Any]) -> None:
    """Store the values that differ, unless the visit is frozen or locked."""
    changed = {name: value for name, value in columns.items() if getattr(visit, name) != value}
    if changed and not (visit.frozen_at or visit.locked_at):
        for name, value in changed.items():
            setattr(visit, name, value)
        visit.save(update_fields=list(changed))


def _to_sign(
    patient: Patient, to: ProtocolVersion, chain: Sequence[ProtocolVersion], consent: Consent | None
) -> str:
    """Return the version of the consent form to sign after the move, empty if the consent in force suffices."""
    order = [version.pk for version in chain]
    if to.pk not in order or consent is None:
        return ""
    # Every version passed counts: the patient has not signed what a skipped amendment asked for either.
    passed = chain[order.index(patient.protocol_id) + 1 : order.index(to.pk) + 1]
    needs_reconsent = any(version.rules.amendment and version.rules.amendment.reconsent for version in passed)
    waiting = patient.reconsent_version and consent.version != patient.reconsent_version
    current = to.rules.consent.current_version
    return current if (needs_reconsent or waiting) and consent.version != current else ""


def _visits(patients: Sequence[Patient]) -> Mapping[int, list[Visit]]:
    found: dict[int, list[Visit]] = defaultdict(list)
    for visit in Visit.objects.filter(patient__in=patients).order_by("position", "number"):
        found[visit.patient_id].append(visit)
    return found


def _visits_with_forms(patients: Sequence[Patient]) -> set[int]:
    records = Record.objects.filter(patient__in=patients, visit__isnull=False)
    return set(
        records.exclude(state=Record.State.STRUCK_OUT)
        .order_by()
        .values_list("visit_id", flat=True)
        .distinct()
    )


def _consents(patients: Sequence[Patient]) -> dict[int, Consent]:
    """Return the consent in force by patient key. One query."""
    rows = Consent.objects.filter(patient__in=patients).not_in_error().order_by("given_at", "pk")
    return {consent.patient_id: consent for consent in rows}
