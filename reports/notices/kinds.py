"""The notices of a person in a trial, computed from the stored data by the role: one query for each kind.

A notice says its kind and the subject code, and nothing else: no name, no arm, no clinical value. Blinded readers get
no kind that depends on product data.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Max, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.addresses import address
from audit.export_register import failed_copy, untaken_exports
from dosing.models import Infusion, Lot, ProductDeviation, ProductQuery, TreatmentInstruction, in_turn
from dosing.unblinding.instructing import affected
from patients.models import Deviation, Patient, Query, Record, Visit
from patients.participation.consents.consent_withdrawal import treatment_goes_on
from patients.participation.death import ended_before_death
from patients.participation.logs.contacts import contacts_due
from patients.participation.visit_status import COMPLETE, SIGNED, STAGE
from reports.audit_trail.saved_views import views_with_due
from reports.home.selection import reconsent_due
from safety.models import AdverseEvent, CaseClock, EventDraft
from safety.reporting_clocks.clocks import Stage
from safety.sponsor.case_clocks import undecided
from trials import incidents
from trials.access import Access
from trials.delegations.access_review import REMIND_BEFORE, due_on
from trials.models import Delegation
from trials.permissions import Permission as P
from trials.roles import ROLES

# Of each kind; whoever has more to do than this reads the listings.
MOST = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. `key` stays the same while the same thing waits, and differs once it waits anew."""

    key: str
    kind: str
    subject: str
    url: str

    @property
    def text(self) -> str | Promise:
        """Return what waits, without the subject; of a clock, how much of its time has passed."""
        kind = KINDS[self.kind]
        return kind.stages.get(self.key.rpartition(".")[2], kind.text)


@dataclass(frozen=True)
class NoticeKind:
    """A kind: its text, the permissions it needs, and a function that yields key, subject code and address.

    stages: the text by the last part of the key, which is the stage of a clock: each stage is a new notice (CLK-01).
    """

    text: str | Promise
    needs: tuple[P, ...]
    find: Callable[[Access], Iterator[tuple[str, str, str]]]
    stages: Mapping[str, str | Promise] = field(default_factory=dict)


def notices_of(access: Access) -> Iterator[Notice]:
    """Yield what concerns the person in the trial, the most urgent kinds first. One query for each kind of the role."""
    for name, kind in KINDS.items():
        if all(access.may(permission) for permission in kind.needs):
            for key, subject, url in kind.find(access):
                yield Notice(f"{name}:{key}", name, subject, url)


def _mine(access: Access, model: Any) -> Any:
    return model.objects.visible_to(access.user).filter(patient__trial=access.trial)


def _events(access: Access, rows: Any) -> Iterator[tuple[str, str, str]]:
    found = rows.order_by("patient__number", "number").values_list("pk", "patient__code", "number")
    for pk, code, number in found[:MOST]:
        yield str(pk), code, address("safety:event", access.trial.slug, code, number)


def _reports(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the events to report, the most urgent first; a new notice at 50, 80 and 100 % of the time."""
    rows, now = _mine(access, AdverseEvent).awaiting_report().select_related("patient"), timezone.now()
    for event in rows.order_by("due_at", "pk")[:MOST]:
        reading = event.clock(now)
        stage = reading.stage if reading is not None else Stage.RUNNING
        url = address("safety:event", access.trial.slug, event.patient.code, event.number)
        yield f"{event.pk}.{stage}", event.patient.code, url


def _without_case(access: Access) -> Iterator[tuple[str, str, str]]:
    rows = _mine(access, AdverseEvent).without_case()
    found = rows.order_by("due_at", "pk").values_list("pk", "patient__code", "number")
    for pk, code, number in found[:MOST]:
        yield str(pk), code, address("safety:case", access.trial.slug, code, number)


def _authority(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the clocks of the sponsor without a decision, which only drug safety knows; anew at each stage."""
    now = timezone.now()
    for clock in (
        undecided(_mine(access, CaseClock)).select_related("event", "patient").order_by("due_at")[:MOST]
    ):
        code, stage = clock.patient.code, clock.read(now).stage
        yield f"{clock.pk}.{stage}", code, address("safety:case", access.trial.slug, code, clock.event.number)


def _drafts(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the drafts that nobody saved as an event; one whose reporting clock starts is a new notice."""
    rows = _mine(access, EventDraft).filter(state=EventDraft.State.OPEN)
    found = rows.order_by(F("due_at").asc(nulls_last=True), "patient__number", "number")
    now = timezone.now()
    for draft in found.select_related("patient")[:MOST]:
        code, reading = draft.patient.code, draft.clock(now)
        page = address("safety:report", access.trial.slug, code)
        yield f"{draft.pk}.{reading.stage if reading else 'open'}", code, f"{page}?draft={draft.number}"


def _contacts(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the visits for which a patient has to be reached today, until the patient is."""
    due = contacts_due(access.trial, Visit.objects.visible_to(access.user)).order_by(
        "window_to", "patient__number"
    )
    for pk, code in due.values_list("pk", "patient__code")[:MOST]:
        yield str(pk), code, address("patients:patient-contacts", access.trial.slug, code)


def _assessments(access: Access) -> Iterator[tuple[str, str, str]]:
    return _events(access, _mine(access, AdverseEvent).not_in_error().signed(yes=False))


def _queries(access: Access, rows: Any) -> Iterator[tuple[str, str, str]]:
    # The last message is part of the key: a query that is answered or opened again is a new notice.
    found = rows.annotate(last=Max("messages__pk")).order_by("pk").values_list("pk", "patient__code", "last")
    for pk, code, last in found[:MOST]:
        yield f"{pk}.{last or 0}", code, address(rows.model.pages, access.trial.slug, pk)


def _questions(access: Access) -> Iterator[tuple[str, str, str]]:
    return _queries(access, _mine(access, Query).filter(state=Query.State.OPEN))


def _answers(access: Access) -> Iterator[tuple[str, str, str]]:
    own = _mine(access, Query).filter(state=Query.State.ANSWERED, opened_by=access.user)
    return _queries(access, own)


def _product_questions(access: Access) -> Iterator[tuple[str, str, str]]:
    return _queries(access, _mine(access, ProductQuery).filter(state=Query.State.OPEN))


def _product_answers(access: Access) -> Iterator[tuple[str, str, str]]:
    own = _mine(access, ProductQuery).filter(state=Query.State.ANSWERED, opened_by=access.user)
    return _queries(access, own)


def _signatures(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield one notice per patient and day on which a form was completed that nobody signed."""
    records = _mine(access, Record).exclude(state=Record.State.STRUCK_OUT).annotate(stage=STAGE)
    waiting = records.filter(stage__gte=COMPLETE, stage__lt=SIGNED).order_by()
    found = waiting.values_list("patient__code", "patient__number").annotate(last=Max("completed_at"))
    for code, number, last in found.order_by("patient__number")[:MOST]:
        day = access.trial.day_of(last).isoformat() if last else ""
        yield f"{number}.{day}", code, address("patients:sign", access.trial.slug, code)


def _infusions(access: Access) -> Iterator[tuple[str, str, str]]:
    today = access.trial.today
    due = _mine(access, Infusion).filter(
        Q(window_to__gte=today) | Q(window_to=None),
        in_turn(),
        treatment_goes_on(),
        ended_before_death(access.trial.rules.profile.died_on),
        state="planned",
        window_from__lte=today,
        patient__state=Patient.State.ENROLLED,
    )
    found = due.order_by("patient__number", "number").values_list("patient__code", "number")
    for code, number in found[:MOST]:
        url = address("dosing:infusion", access.trial.slug, code, number)
        yield f"{code}.{number}.{today.isoformat()}", code, url


def _instructions(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the instructions for treatment that nobody has opened. Only columns: the reader may be blinded."""
    rows = TreatmentInstruction.objects.filter(patient__trial=access.trial, opened_at=None)
    for code, number in rows.order_by("pk").values_list("patient__code", "number")[:MOST]:
        yield f"{code}.{number}", code, address("dosing:instruction", access.trial.slug, code, number)


def _lots(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the lots that were recalled or failed late (ATM-02): for who instructs the recipients, else the lot."""
    page = "dosing:recipients" if access.may(P.INSTRUCT) else "dosing:lot"
    # Only columns: drug safety is blinded.
    for pk, status in affected(access.trial).values_list("pk", "status")[:MOST]:
        stage = "recalled" if status == Lot.Status.RECALLED else "late"
        yield f"{pk}.{stage}", str(access.trial), address(page, access.trial.slug, pk)


def _lots_seen(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the same to the others who are near the patients and know the treatment."""
    if not access.may(P.INSTRUCT):
        yield from _lots(access)


def _consents(access: Access) -> Iterator[tuple[str, str, str]]:
    rows = Patient.objects.visible_to(access.user).filter(trial=access.trial)
    due = reconsent_due(rows, access.trial.today).order_by("number").values_list("code", "consent_version")
    for code, version in due[:MOST]:
        yield f"{code}.{version}"[:60], code, address("patients:consent", access.trial.slug, code)


def _access_review(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield one notice from a month before a review of access is due; its subject is the trial."""
    due = due_on(access.trial)
    if due is not None and due - REMIND_BEFORE <= access.trial.today:
        yield due.isoformat(), str(access.trial), address("accounts:access-reviews", access.trial.slug)


def _approvals(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield roles of people of the site that nobody has approved, where it is required."""
    if not settings.DELEGATIONS_NEED_APPROVAL:
        return
    site = [code for code, role in ROLES.items() if role.delegated]
    rows = Delegation.objects.active().filter(trial=access.trial, role__in=site, approved_at=None)
    for pk, person in rows.order_by("pk").values_list("pk", "user_id")[:MOST]:
        yield str(pk), str(access.trial), address("accounts:person", access.trial.slug, person)


def _log_of(model: Any, page: str) -> Callable[[Access], Iterator[tuple[str, str, str]]]:
    def find(access: Access) -> Iterator[tuple[str, str, str]]:
        rows = _mine(access, model).waiting().order_by("patient__number", "number")
        for code, number, version in rows.values_list("patient__code", F("number"), "version")[:MOST]:
            yield f"{code}.{number}.{version}", code, address(page, access.trial.slug, code, number)

    return find


def _reviews(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the planned reviews of the trail that are due for the person. Two queries."""
    for view, day in views_with_due(access.trial, person=access.user.pk):
        if day is not None and day <= access.trial.today:
            yield (
                f"{view.pk}.{day.isoformat()}",
                view.name,
                address("audit:view", access.trial.slug, view.pk),
            )


def _problem_review(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield one notice from two weeks before a review of the problems is due; its subject is the trial."""
    due = incidents.review_due_on(access.trial)
    if due is not None and due - incidents.REMIND_BEFORE <= access.trial.today:
        yield due.isoformat(), str(access.trial), address("reports:problems", access.trial.slug)


def _failed_copy(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield one notice if the last copy by schedule could not be written. One query where a place is named."""
    if settings.SITE_COPY_DIR is None:
        return
    failed = failed_copy(access.trial.pk)
    if failed is not None:
        day = access.trial.day_of(failed.at).isoformat()
        yield day, str(access.trial), address("documents:listing", access.trial.slug)


def _exports(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield the exports that the worker made for the person, until they are taken or deleted."""
    kept = timedelta(hours=settings.DOCUMENTS_KEPT_HOURS)
    for key, _at in untaken_exports(access.trial.pk, access.user.pk, timezone.now() - kept)[:MOST]:
        yield key, str(access.trial), reverse("documents:asked", args=[access.trial.slug, key])


LOT_AFFECTED = _("A lot was recalled or failed a test after it was given: see who received it")
STAGES_OF_REPORT: dict[str, str | Promise] = {
    Stage.HALF: _("A report to the sponsor is due: half of the time has passed"),
    Stage.CLOSE: _("A report to the sponsor is due: 80 % of the time has passed"),
    Stage.OVERDUE: _("A report to the sponsor is overdue"),
}
STAGES_OF_DRAFT: dict[str, str | Promise] = {
    Stage.HALF: _("A draft of an adverse event is unreported: half of the time has passed"),
    Stage.CLOSE: _("A draft of an adverse event is unreported: 80 % of the time has passed"),
    Stage.OVERDUE: _("A draft of an adverse event is unreported and overdue"),
}
STAGES_OF_CASE: dict[str, str | Promise] = {
    Stage.HALF: _("A report to the authority is due: half of the time has passed"),
    Stage.CLOSE: _("A report to the authority is due: 80 % of the time has passed"),
    Stage.OVERDUE: _("A report to the authority is overdue"),
}
KINDS: dict[str, NoticeKind] = {
    "instruction": NoticeKind(_("An instruction for treatment waits"), (P.UNBLIND,), _instructions),
    "lot": NoticeKind(LOT_AFFECTED, (P.INSTRUCT,), _lots),
    "lot_seen": NoticeKind(LOT_AFFECTED, (P.SEE_TREATMENT, P.REPORT_EXPOSURE), _lots_seen),
    "report": NoticeKind(_("A report to the sponsor is due"), (P.REPORT_EVENT,), _reports, STAGES_OF_REPORT),
    "case": NoticeKind(_("A serious event waits for drug safety"), (P.JUDGE_CASE,), _without_case),
    "authority": NoticeKind(
        _("A report to the authority is due"), (P.JUDGE_CASE,), _authority, STAGES_OF_CASE
    ),
    "draft": NoticeKind(
        _("A draft of an adverse event is unreported"), (P.REPORT_EVENT,), _drafts, STAGES_OF_DRAFT
    ),
    "assess": NoticeKind(_("An adverse event awaits its assessment"), (P.ASSESS_EVENT,), _assessments),
    "infusion": NoticeKind(_("An infusion is due today"), (P.RECORD_INFUSION,), _infusions),
    "prepare": NoticeKind(_("An infusion is due today"), (P.PREPARE_PRODUCT, P.SEE_TREATMENT), _infusions),
    "consent": NoticeKind(_("A consent has to be given again"), (P.ENTER_DATA,), _consents),
    "contact": NoticeKind(_("A patient has to be reached"), (P.ENTER_DATA,), _contacts),
    "query": NoticeKind(_("A query waits for an answer"), (P.ANSWER_QUERY,), _questions),
    "answer": NoticeKind(_("Your query was answered"), (P.RAISE_QUERY,), _answers),
    "deviation": NoticeKind(
        _("A deviation has to be classified"), (P.ASSESS_EVENT,), _log_of(Deviation, "patients:deviation")
    ),
    "product": NoticeKind(
        _("A deviation of the product has to be classified"),
        (P.CLASSIFY_PRODUCT, P.SEE_TREATMENT),
        _log_of(ProductDeviation, "dosing:product-deviation"),
    ),
    "product_query": NoticeKind(
        _("A query on the product waits for an answer"),
        (P.PREPARE_PRODUCT, P.SEE_TREATMENT),
        _product_questions,
    ),
    "product_answer": NoticeKind(
        _("Your query on the product was answered"), (P.ASK_PRODUCT, P.SEE_TREATMENT), _product_answers
    ),
    "approval": NoticeKind(_("A role waits for your approval"), (P.APPROVE,), _approvals),
    "access": NoticeKind(_("Access has to be reviewed"), (P.REVIEW_ACCESS,), _access_review),
    "problems": NoticeKind(_("Reported problems have to be reviewed"), (P.HANDLE_PROBLEMS,), _problem_review),
    "review": NoticeKind(_("A review of the audit trail is due"), (P.REVIEW_TRAIL,), _reviews),
    "copy": NoticeKind(_("The copy of the investigator could not be written"), (P.TAKE_COPY,), _failed_copy),
    "export": NoticeKind(_("An export is ready"), (P.EXPORT,), _exports),
    "sign": NoticeKind(_("Forms wait for a signature"), (P.SIGN,), _signatures),
}
