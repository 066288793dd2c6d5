"""Flow of participants (CONSORT): from who was considered to who completed the study."""

from collections import Counter
from collections.abc import Iterable

from django.utils.translation import gettext as _

from dosing.models import Infusion
from patients.models import Patient, PrescreeningRow
from reports.packs.contents import DASH, PackSection, PackTable, PackView

State, EndReason = Patient.State, Patient.EndReason


def flow(view: PackView) -> PackSection:
    """Return the flow, and the reasons of those who were not included. Three queries."""
    return PackSection(_("Flow of participants"), [_steps(view), _not_screened(view), _failed(view)])


def _log(view: PackView) -> list[PrescreeningRow]:
    return list(PrescreeningRow.objects.filter(trial=view.trial).in_force().order_by("number"))


def _steps(view: PackView) -> PackTable:
    people = sum(row.people for row in _log(view))
    given = infusions_given(view)
    planned = view.rules.dosing.infusions if view.rules.dosing else 0
    complete = [patient for patient, numbers in given.items() if planned and len(numbers) >= planned]
    ended = {
        reason: [row.pk for row in view.included if row.state == State.ENDED and row.end_reason == reason]
        for reason in EndReason
    }
    still = [row.pk for row in view.included if row.state == State.ENROLLED]
    blank = [DASH] * (len(view.groups) - 1)

    def before(label: str, number: int) -> list[str]:
        return (
            [label, *blank[: len(view.groups) - 1], str(number)]
            if view.by_arm
            else [label, str(number), *blank]
        )

    def after(label: str, patients: Iterable[int]) -> list[str]:
        chosen = list(patients)
        return [label, *(group.share(chosen) for group in view.groups)]

    failed = sum(row.state == State.SCREEN_FAILED for row in view.patients)
    waiting = sum(row.state == State.SCREENING and row.enrolled_on is None for row in view.patients)
    rows = [
        before(_("Considered"), people + len(view.patients)),
        before(_("Not screened"), people),
        before(_("Screened"), len(view.patients)),
        before(_("Screen failures"), failed),
        before(_("In screening"), waiting),
        after(_("Included"), [row.pk for row in view.included]),
        after(_("With an infusion"), given),
        after(_("With every planned infusion"), complete),
        *(after(str(reason.label), patients) for reason, patients in ended.items()),
        after(_("Still in the study"), still),
    ]
    return PackTable(
        title=_("Participants at each step"),
        how=_(
            "Considered: people of the pre-screening log without the rows struck out, and all screened patients. "
            "Included: patients with a day of inclusion. With an infusion: at least one infusion recorded as given. "
            "The end of the study is that of its form. Percentages are of the included patients of the column."
        ),
        columns=[_("Step"), *view.group_titles],
        rows=rows,
        strong=frozenset({0, 2, 5}),
    )


def infusions_given(view: PackView) -> dict[int, list[int]]:
    """Return the numbers of the infusions given, by patient. One query."""
    rows = Infusion.objects.filter(patient__trial=view.trial, state=Infusion.State.GIVEN)
    found: dict[int, list[int]] = {}
    for patient, number in rows.order_by("patient__number", "number").values_list("patient_id", "number"):
        found.setdefault(patient, []).append(number)
    return found


def _not_screened(view: PackView) -> PackTable:
    counted: Counter[tuple[str, ...]] = Counter()
    for row in _log(view):
        counted[str(row.get_outcome_display()), str(row.get_reason_display())] += row.people
    rows = [[outcome, reason, str(number)] for (outcome, reason), number in _most(counted)]
    return PackTable(
        title=_("Considered and not screened"),
        how=_("People of the pre-screening log by outcome and reason, without the rows struck out."),
        columns=[_("Outcome"), _("Reason"), _("People")],
        rows=rows,
        texts=(0, 1),
        empty=_("Nobody was considered and not screened."),
    )


def _failed(view: PackView) -> PackTable:
    counted: Counter[tuple[str, ...]] = Counter(
        (" ".join(row.failure_reason.split()),) for row in view.patients if row.state == State.SCREEN_FAILED
    )
    return PackTable(
        title=_("Reasons of the screen failures"),
        how=_("Patients whose screening failed, by the reason as it was typed."),
        columns=[_("Reason"), _("Patients")],
        rows=[[reason, str(number)] for (reason,), number in _most(counted)],
        empty=_("No screening failed."),
    )


def _most(counted: Counter[tuple[str, ...]]) -> list[tuple[tuple[str, ...], int]]:
    """Return the counts, the largest first, then by name: the same at each run."""
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
