"""Values for the parameters of an address, read from the database: of a trial, of another trial, of nothing."""

from collections.abc import Callable, Iterator
from uuid import UUID

from allauth.mfa.models import Authenticator

from accounts.models import PasswordKey, User
from audit.models import Redaction, SavedView
from dosing.models import (
    Bag,
    BagMovement,
    Donor,
    ExceptionalStep,
    Infusion,
    Lot,
    LotCertificate,
    Preparation,
    ProductDeviation,
    ProductQuery,
    TreatmentInstruction,
)
from exports.models import Document
from patients.models import (
    Attachment,
    Consent,
    ContactAttempt,
    DataLock,
    Deviation,
    ErasureRequest,
    Patient,
    PrescreeningRow,
    Query,
    Record,
    Sample,
    SampleMovement,
    Shipment,
    StorageExcursion,
    TreatmentHold,
    UnlockRequest,
    Visit,
)
from patients.models.visit_forms import forms_of
from reports.models import OwnQuestion
from safety.laboratory.models import LaboratoryDecision
from safety.models import AdverseEvent, CaseClock, CaseTerm, EventDraft, EventGrade, EventLink
from trials.models import (
    AccessReview,
    Delegation,
    FactorRecovery,
    Incident,
    Invitation,
    Laboratory,
    ProtocolVersion,
    ReferenceRange,
    Trial,
    TrialHold,
)

Values = tuple[object, ...]
NO_NUMBER, NO_CODE = 987_654_321, "nowhere"
MEMBER = "monitor"


def _patient(trial: Trial) -> Patient:
    """Return the patient under whom the addresses lie: the first one, who is in follow-up."""
    found = Patient.objects.filter(trial=trial).order_by("number").first()
    assert found is not None
    return found


def _visits(trial: Trial) -> Iterator[Values]:
    for visit in Visit.objects.filter(patient=_patient(trial)).order_by("position"):
        yield (visit.key,)


def _forms_at_visits(trial: Trial) -> Iterator[Values]:
    """Yield the forms of visits: those captured, then those that are only asked for."""
    patient = _patient(trial)
    rows = Record.objects.filter(patient=patient, visit__isnull=False).select_related("visit")
    for record in rows.order_by("pk"):
        if record.visit is not None:
            yield record.visit.key, record.form
    for visit in Visit.objects.filter(patient=patient).order_by("position"):
        yield from ((visit.key, asked.form) for asked in forms_of(patient.protocol, visit))


def _levels(trial: Trial) -> Iterator[Values]:
    patient = _patient(trial)
    yield "patient", patient.pk
    yield "trial", trial.pk
    yield "visit", patient.visits.order_by("position")[0].pk
    yield "record", patient.records.order_by("pk")[0].pk
    for lock in DataLock.objects.filter(trial=trial, level="patient"):
        yield "patient", lock.patient_id


def _of(model: type, by: str, *fields: str, **more: object) -> Callable[[Trial], Iterator[Values]]:
    """Return a reader of the rows of a trial. by: the path from a row to its trial."""

    def read(trial: Trial) -> Iterator[Values]:
        rows = model._default_manager.filter(**{by: trial.pk}, **more)  # type: ignore[attr-defined]
        yield from rows.order_by("pk").values_list(*fields)

    return read


def _steps_of(model: type, kind: str) -> Callable[[Trial], Iterator[Values]]:
    """Return a reader of the rows of a trial, each with one step on it."""
    return lambda trial: ((pk, kind) for (pk,) in _of(model, "trial", "pk")(trial))


def _under_patient(model: type, *fields: str) -> Callable[[Trial], Iterator[Values]]:
    def read(trial: Trial) -> Iterator[Values]:
        yield from model._default_manager.filter(patient=_patient(trial)).order_by("pk").values_list(*fields)  # type: ignore[attr-defined]

    return read


def _people(trial: Trial) -> Iterator[Values]:
    yield from (
        User.objects.filter(delegations__trial=trial, delegations__role=MEMBER)
        .order_by("pk")
        .values_list("pk")
    )


def _roles(trial: Trial) -> Iterator[Values]:
    """Person and delegation are two runs of the address; the delegation is one of the first person."""
    (person,) = next(_people(trial))
    yield from Delegation.objects.filter(trial=trial, user=person).values_list("pk")


def _codes(trial: Trial) -> Iterator[Values]:
    yield from PasswordKey.objects.filter(made_in=trial.slug).order_by("pk").values_list("pk")


def _versions(trial: Trial) -> list[str]:
    rows = ProtocolVersion.objects.filter(trial=trial).order_by("effective_from", "pk")
    return list(rows.values_list("version", flat=True))


def _entry_of_patient(trial: Trial) -> Iterator[Values]:
    yield "patients.patient", _patient(trial).history.order_by("history_id")[0].history_id


# By run of parameters: a reader of the values that exist in a trial, and values that exist nowhere.
FILLERS: dict[str, tuple[Callable[[Trial], Iterator[Values]], Values]] = {
    "trials:slug": (lambda trial: iter([(trial.slug,)]), (NO_CODE,)),
    "patients:code": (_of(Patient, "trial", "code"), ("NONE-999",)),
    "consent:number": (_under_patient(Consent, "pk"), (NO_NUMBER,)),
    "visits:visit": (_visits, (NO_CODE,)),
    "visits:visit/form": (_forms_at_visits, (NO_CODE, NO_CODE)),
    "masked-results:visit/form": (_forms_at_visits, (NO_CODE, NO_CODE)),
    "logs:form": (lambda trial: ((form,) for form in trial.rules.logs), (NO_CODE,)),
    "logs:form/repeat": (
        lambda trial: iter(
            Record.objects.filter(patient=_patient(trial), visit=None)
            .order_by("pk")
            .values_list("form", "repeat")
        ),
        (NO_CODE, 1),
    ),
    "holds:number": (_of(TrialHold, "trial", "number"), (NO_NUMBER,)),
    "treatment-holds:number": (_under_patient(TreatmentHold, "number"), (NO_NUMBER,)),
    "files:attachment": (_under_patient(Attachment, "key"), ("0" * 32,)),
    "redactions:number": (_of(Redaction, "trial_id", "pk"), (NO_NUMBER,)),
    "redactions:table/entry": (
        _entry_of_patient,
        ("patients.patient", NO_NUMBER),
    ),
    "erasures:number": (_of(ErasureRequest, "patient__trial", "pk"), (NO_NUMBER,)),
    "problems:number": (_of(Incident, "trial", "number"), (NO_NUMBER,)),
    "views:key": (_of(SavedView, "trial_id", "pk", listing=""), (NO_NUMBER,)),
    "views:number": (_of(SavedView, "trial_id", "pk", listing="adverse-events"), (NO_NUMBER,)),
    "pre-screening:number": (_of(PrescreeningRow, "trial", "number"), (NO_NUMBER,)),
    "contacts:number": (_under_patient(ContactAttempt, "number"), (NO_NUMBER,)),
    "samples:number": (_under_patient(Sample, "number"), (NO_NUMBER,)),
    "movements:movement": (_under_patient(SampleMovement, "pk"), (NO_NUMBER,)),
    "storage:number": (_of(StorageExcursion, "trial", "number"), (NO_NUMBER,)),
    "shipments:number": (_of(Shipment, "trial", "number"), (NO_NUMBER,)),
    "infusions:number": (_under_patient(Infusion, "number"), (NO_NUMBER,)),
    "adverse-events:number": (_under_patient(AdverseEvent, "number"), (NO_NUMBER,)),
    "grades:row": (_under_patient(EventGrade, "pk"), (NO_NUMBER,)),
    "links:row": (_under_patient(EventLink, "pk"), (NO_NUMBER,)),
    "terms:row": (_under_patient(CaseTerm, "pk"), (NO_NUMBER,)),
    "cases:code/number": (_under_patient(AdverseEvent, "patient__code", "number"), (NO_CODE, NO_NUMBER)),
    "case:clock": (_under_patient(CaseClock, "pk"), (NO_NUMBER,)),
    "drafts:number": (_under_patient(EventDraft, "number"), (NO_NUMBER,)),
    "laboratory-results:pk": (_under_patient(LaboratoryDecision, "pk"), (NO_NUMBER,)),
    "lots:number": (_of(Lot, "trial", "pk"), (NO_NUMBER,)),
    "product-history:kind/number": (
        lambda trial: (("lot", pk) for pk in Lot.objects.filter(trial=trial).values_list("pk", flat=True)),
        ("lot", NO_NUMBER),
    ),
    "recalls:number": (_of(Lot, "trial", "pk", status="recalled"), (NO_NUMBER,)),
    "instructions:number": (_under_patient(TreatmentInstruction, "number"), (NO_NUMBER,)),
    "bags:number": (_of(Bag, "trial", "pk"), (NO_NUMBER,)),
    "donors:number": (_of(Donor, "trial", "pk"), (NO_NUMBER,)),
    "exceptional-use:lot": (_under_patient(ExceptionalStep, "lot_id"), (NO_NUMBER,)),
    "certificates:number": (_of(LotCertificate, "trial", "pk"), (NO_NUMBER,)),
    "lots:number/kind": (_steps_of(Lot, "result"), (NO_NUMBER, "result")),
    "bags:number/kind": (_steps_of(Bag, "store"), (NO_NUMBER, "store")),
    "donors:number/kind": (_steps_of(Donor, "donation"), (NO_NUMBER, "donation")),
    "excursions:number": (_of(BagMovement, "trial", "pk", kind="excursion"), (NO_NUMBER,)),
    "deviations:number": (_under_patient(Deviation, "number"), (NO_NUMBER,)),
    "product-deviations:number": (_under_patient(ProductDeviation, "number"), (NO_NUMBER,)),
    "facts:target/key/item": (
        lambda trial: ((("consent", pk, "version")) for (pk,) in _under_patient(Consent, "pk")(trial)),
        ("consent", NO_NUMBER, "version"),
    ),
    "ask:target": (lambda trial: iter([("adverse_event",)]), (NO_CODE,)),
    "product-facts:target/key/item": (
        lambda trial: (("preparation", pk, "lot") for (pk,) in _under_patient(Preparation, "pk")(trial)),
        ("preparation", NO_NUMBER, "lot"),
    ),
    "own-questions:log/number": (
        lambda trial: (
            ("data", pk) for pk in OwnQuestion.objects.filter(trial=trial).values_list("pk", flat=True)
        ),
        ("data", NO_NUMBER),
    ),
    "product-queries:number": (_of(ProductQuery, "patient__trial", "pk"), (NO_NUMBER,)),
    "queries:number": (_of(Query, "patient__trial", "pk"), (NO_NUMBER,)),
    "locks:level/key": (_levels, ("patient", NO_NUMBER)),
    "requests:number": (_of(UnlockRequest, "lock__trial", "pk"), (NO_NUMBER,)),
    "figures:figure": (lambda trial: iter([("recruitment",)]), (NO_CODE,)),
    "edit-checks:version": (lambda trial: iter([(_versions(trial)[-1],)]), (NO_CODE,)),
    "protocol:new": (lambda trial: iter([(_versions(trial)[-1],)]), (NO_CODE,)),
    "protocol:name": (lambda trial: iter([(_versions(trial)[-1],)]), (NO_CODE,)),
    "protocol:old/new": (lambda trial: iter([tuple(_versions(trial)[:2])]), (NO_CODE, NO_CODE)),
    "documents:document": (_of(Document, "trial", "pk"), (UUID(int=0),)),
    "at:laboratory": (_of(Laboratory, "trial", "code"), (NO_CODE,)),
    "at:laboratory/pk": (
        _of(ReferenceRange, "laboratory__trial", "laboratory__code", "pk"),
        (NO_CODE, NO_NUMBER),
    ),
    "people:pk": (_people, (NO_NUMBER,)),
    "role:delegation": (_roles, (NO_NUMBER,)),
    "invitations:pk": (_of(Invitation, "trial", "pk", full_name__gt=""), (NO_NUMBER,)),
    "codes:pk": (_codes, (NO_NUMBER,)),
    "reviews:pk": (_of(AccessReview, "trial", "pk"), (NO_NUMBER,)),
    "training:document": (
        lambda trial: ((each.id,) for each in trial.rules.training if MEMBER in each.roles),
        (NO_CODE,),
    ),
    "recoveries:pk": (_of(FactorRecovery, "trial", "pk"), (NO_NUMBER,)),
}


def owned(person: User, secret: str) -> dict[str, tuple[Values, Values]]:
    """Return by run what one person owns outside the trials, and what nobody owns."""
    passkey = (
        Authenticator.objects.filter(user=person, type=Authenticator.Type.WEBAUTHN).values_list("pk").first()
    )
    invitation = Invitation.objects.filter(username=person.username).values_list("pk").first()
    assert passkey is not None
    assert invitation is not None
    return {
        "invitations:pk": (invitation, (NO_NUMBER,)),
        "keys:pk": (passkey, (NO_NUMBER,)),
        "key:secret": ((secret,), ("no-such-secret",)),
        "calendar:secret": (("no-such-calendar",), ("no-such-secret",)),
    }
