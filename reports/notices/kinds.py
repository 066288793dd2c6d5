"""What concerns a person in a trial, computed from the stored data by the role: one query for each kind.

A notice says its kind and the subject code, and nothing else: no name, no arm, no clinical value. Blinded readers get
no kind that depends on product data.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.addresses import address
from dosing.models import Infusion, ProductDeviation
from patients.models import Deviation, Patient, Query, Record
from patients.participation.consent_withdrawal import treatment_goes_on
from patients.participation.visit_status import COMPLETE, SIGNED, STAGE
from reports.home.selection import reconsent_due
from safety.models import AdverseEvent
from trials.access import Access
from trials.permissions import Permission as P

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
        """Return what waits, without the subject."""
        return KINDS[self.kind].text


@dataclass(frozen=True)
class NoticeKind:
    """A kind: its text, the permissions it needs, and a function that yields key, subject code and address."""

    text: str | Promise
    needs: tuple[P, ...]
    find: Callable[[Access], Iterator[tuple[str, str, str]]]


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
    return _events(access, _mine(access, AdverseEvent).awaiting_report())


def _assessments(access: Access) -> Iterator[tuple[str, str, str]]:
    return _events(access, _mine(access, AdverseEvent).not_in_error().signed(yes=False))


def _queries(access: Access, rows: Any) -> Iterator[tuple[str, str, str]]:
    # The last message is part of the key: a query that is answered or opened again is a new notice.
    found = rows.annotate(last=Max("messages__pk")).order_by("pk").values_list("pk", "patient__code", "last")
    for pk, code, last in found[:MOST]:
        yield f"{pk}.{last or 0}", code, address("patients:query", access.trial.slug, pk)


def _questions(access: Access) -> Iterator[tuple[str, str, str]]:
    return _queries(access, _mine(access, Query).filter(state=Query.State.OPEN))


def _answers(access: Access) -> Iterator[tuple[str, str, str]]:
    own = _mine(access, Query).filter(state=Query.State.ANSWERED, opened_by=access.user)
    return _queries(access, own)


def _signatures(access: Access) -> Iterator[tuple[str, str, str]]:
    """Yield one notice per patient and day on which a form was completed that nobody signed."""
    records = _mine(access, Record).exclude(state=Record.State.STRUCK_OUT).annotate(stage=STAGE)
    waiting = records.filter(stage__gte=COMPLETE, stage__lt=SIGNED).order_by()
    found = waiting.values_list("patient__code", "patient__number").annotate(last=Max("completed_at"))
    for code, number, last in found.order_by("patient__number")[:MOST]:
        day = last.astimezone(access.trial.zone).date().isoformat() if last else ""
        yield f"{number}.{day}", code, address("patients:sign", access.trial.slug, code)


def _infusions(access: Access) -> Iterator[tuple[str, str, str]]:
    today = access.trial.today
    due = _mine(access, Infusion).filter(
        Q(window_to__gte=today) | Q(window_to=None),
        treatment_goes_on(),
        state="planned",
        window_from__lte=today,
        patient__state=Patient.State.ENROLLED,
    )
    found = due.order_by("patient__number", "number").values_list("patient__code", "number")
    for code, number in found[:MOST]:
        url = address("dosing:infusion", access.trial.slug, code, number)
        yield f"{code}.{number}.{today.isoformat()}", code, url


def _consents(access: Access) -> Iterator[tuple[str, str, str]]:
    rows = Patient.objects.visible_to(access.user).filter(trial=access.trial)
    due = reconsent_due(rows, access.trial.today).order_by("number").values_list("code", "consent_version")
    for code, version in due[:MOST]:
        yield f"{code}.{version}"[:60], code, address("patients:consent", access.trial.slug, code)


def _log_of(model: Any, page: str) -> Callable[[Access], Iterator[tuple[str, str, str]]]:
    def find(access: Access) -> Iterator[tuple[str, str, str]]:
        rows = _mine(access, model).waiting().order_by("patient__number", "number")
        for code, number, version in rows.values_list("patient__code", F("number"), "version")[:MOST]:
            yield f"{code}.{number}.{version}", code, address(page, access.trial.slug, code, number)

    return find


KINDS: dict[str, NoticeKind] = {
    "report": NoticeKind(_("A report to the sponsor is due"), (P.REPORT_EVENT,), _reports),
    "assess": NoticeKind(_("An adverse event awaits its assessment"), (P.ASSESS_EVENT,), _assessments),
    "infusion": NoticeKind(_("An infusion is due today"), (P.RECORD_INFUSION,), _infusions),
    "prepare": NoticeKind(_("An infusion is due today"), (P.PREPARE_PRODUCT, P.SEE_TREATMENT), _infusions),
    "consent": NoticeKind(_("A consent has to be given again"), (P.ENTER_DATA,), _consents),
    "query": NoticeKind(_("A query waits for an answer"), (P.ANSWER_QUERY,), _questions),
    "answer": NoticeKind(_("Your query was answered"), (P.RAISE_QUERY,), _answers),
    "deviation": NoticeKind(
        _("A deviation has to be classified"), (P.ASSESS_EVENT,), _log_of(Deviation, "patients:deviation")
    ),
    "product": NoticeKind(
        _("A deviation of the product has to be classified"),
        (P.PREPARE_PRODUCT, P.SEE_TREATMENT),
        _log_of(ProductDeviation, "dosing:product-deviation"),
    ),
    "sign": NoticeKind(_("Forms wait for a signature"), (P.SIGN,), _signatures),
}
