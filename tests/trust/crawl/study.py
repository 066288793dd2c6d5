"""Two trials with something behind every address: patients, queries, locks, files, people, codes, ranges, versions."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from allauth.mfa.models import Authenticator
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts import password_keys
from accounts.models import User
from audit.context import acting
from audit.redactions.redaction import ask_redaction
from dosing.models import ExceptionalStep, Preparation, ProductDeviation, TreatmentInstruction
from dosing.product_queries.kinds import KINDS as PRODUCT_KINDS
from dosing.stock.lot_release.certificates import attach
from dosing.stock.moving import record_excursion
from exports.models import Document, documents_storage
from patients.casebook.facts import Fact
from patients.entry.files import attachments
from patients.models import Patient, Record
from patients.participation.identities.erasure import record_erasure_request
from patients.participation.logs.contacts import ContactFacts, add_contact
from patients.participation.logs.prescreening import PrescreeningFacts, add_prescreening
from patients.participation.treatment.treatment_holds import hold_treatment
from patients.queries import threads
from patients.review import locks
from patients.samples.storage import record_storage_excursion
from protocol.values.moments import Moment
from reports.audit_trail.saved_views import save_view
from reports.own_questions.keeping import QuestionFacts, save_question
from safety.course.grade_changes import change_grade
from safety.course.links import link_event
from safety.drafts.event_drafts import keep_event_draft
from safety.laboratory.models import LaboratoryDecision
from safety.models import AdverseEvent
from safety.sponsor.cases import judge_case
from safety.sponsor.decisions import decide_case
from tests.support import build
from tests.support.study import graded_results, product_chain, samples
from tests.support.study.deviations import added
from tests.support.study.file_samples import pdf
from tests.support.study.invented_dictionary import coded_case
from tests.support.study.reference_ranges import facts
from trials.delegations import factor_recovery, invitations
from trials.delegations.access_review import review_access
from trials.holds import hold_trial
from trials.incidents import report_problem
from trials.laboratories.ranges import add_laboratory, add_range
from trials.listing.saved_views import save_listing_view
from trials.models import Trial

AMENDMENT = """[amendment]
replaces = "1.0"
reconsent = false
summary = {{ en = "Another number", {language} = "Another number" }}

"""
LANGUAGES = {build.COVID_MSV: "es", build.LIEGE: "fr"}
# No version of one trial has the name of one of the other, but for the first.
NEXT = {build.COVID_MSV: "1.1", build.LIEGE: "2.0"}
# The other trial has more of everything that is numbered, so that its numbers lead nowhere in the first one.
EVENTS = {build.COVID_MSV: 1, build.LIEGE: 2}
_numbers = count(1)
_LONG_AGO = {"occurred_on": Moment.from_date(date(2021, 3, 1)), "detected_on": date(2021, 3, 1)}


def mark(trial: Trial) -> str:
    """Return a word that stands in what people of this trial typed, and nowhere else."""
    return f"Marker{trial.slug[3:]}"


def trial(slug: str) -> Trial:
    """Return a trial with an object of every kind. Takes about a second."""
    found = build.trial(slug)
    word = mark(found)
    text = build.protocol_text(slug)
    amended = text.replace('version = "1.0"', f'version = "{NEXT[slug]}"', 1)
    amended = amended.replace("[trial]", AMENDMENT.format(language=LANGUAGES[slug]) + "[trial]", 1)
    build.version(amended, effective_from=found.today + timedelta(days=30))
    doctor = build.user("investigator", trial=found, full_name=f"Doctor {word}")
    chief = build.user("administrator", trial=found, full_name=f"Chief {word}")
    patient = build.enrolled(trial=found, investigator=doctor)
    _captured(patient, doctor, word)
    _considered(found, doctor, word)
    _concerning_persons(patient, doctor, word)
    _contacted(patient, doctor, word)
    _sampled(patient, doctor, word)
    _stocked(found, word)
    _recalled(patient, doctor, word)
    asked_about_product(patient, word)
    too_warm(found, doctor, word)
    _graded(patient, doctor)
    _documents(patient, doctor)
    _laboratory(found, word)
    _people(found, chief, word)
    _reviewed(found, word)
    _held(patient, doctor, word)
    return Trial.objects.get(pk=found.pk)


def _held(patient: Patient, doctor: User, word: str) -> None:
    """Hold trial and treatment last: nobody is included any more."""
    with acting(user=doctor, role="investigator"):
        for number in range(EVENTS[patient.trial.slug]):
            hold_trial(trial=patient.trial, reason=word, by=doctor)
            hold_treatment(patient=patient, rule=f"R{number}", title=word, events=[f"AE {number}"], by=doctor)


def _considered(trial: Trial, doctor: User, word: str) -> None:
    facts: PrescreeningFacts = {
        "considered_on": date(2021, 3, 1), "people": 1, "outcome": "declined", "reason": "risk", "note": word,
    }  # fmt: skip
    with acting(user=doctor, role="investigator"):
        add_prescreening(trial=trial, facts=facts, by=doctor)


def _concerning_persons(patient: Patient, doctor: User, word: str) -> None:
    """A text to be masked, a request for erasure, and problems: more in the other trial, like all that is numbered."""
    found = patient.trial
    learned = Moment.from_datetime(timezone.now() - timedelta(days=1), found.time_zone)
    event = build.event(
        patient=patient, by=doctor, description=f"Seen by Maria of {word}",
        seriousness=frozenset({"life_threatening"}), aware=learned,
    )  # fmt: skip
    _followed(event, doctor, learned)
    with acting(user=doctor, role="investigator", origin="web"):
        ask_redaction(
            trial_id=found.pk, model=AdverseEvent, row=event.history.first().history_id, place="description.",
            text="Maria", reason=word, by=doctor,
        )  # fmt: skip
        record_erasure_request(patient=patient, received_on=found.today, wish=word, by=doctor)
        for _number in range(EVENTS[found.slug]):
            report_problem(trial=found, text=word, page="", request="", role="investigator", by=doctor)


def _followed(event: AdverseEvent, doctor: User, learned: Moment) -> None:
    """A grade and a link of an event, and its case with a clock."""
    record = event.patient.records.order_by("pk")[0]
    officer = build.user("sponsor_safety", trial=event.patient.trial)
    with acting(user=doctor, role="investigator"):
        # The first event: the crawl takes the first row of everything.
        first = event.patient.adverse_events.order_by("number")[0]
        change_grade(event=first, grade=2, since=learned, by=doctor, version=first.version)
        first = AdverseEvent.objects.get(pk=first.pk)
        link_event(
            event=first, target=f"record-{record.pk}", role="evidence", by=doctor, version=first.version
        )
    with acting(user=officer, role="sponsor_safety"):
        judge_case(
            event=event, version=0, by=officer, sponsor_aware=learned, sponsor_causality="possible",
            expectedness="unexpected", reference_version="1.0",
        )  # fmt: skip
        coded_case(event)
        decide_case(clock=event.case_clocks.get(), result="sent", at=learned, by=officer)


def _contacted(patient: Patient, doctor: User, word: str) -> None:
    facts: ContactFacts = {
        "tried_on": patient.trial.today, "way": "phone", "tried_by": word, "outcome": "no_answer", "note": "",
    }  # fmt: skip
    with acting(user=doctor, role="investigator"):
        add_contact(patient=patient, facts=facts, by=doctor)


def _sampled(patient: Patient, doctor: User, word: str) -> None:
    """Samples of the first infusion, each shipped on its own: two in the trial that has more of everything."""
    visit = patient.visits.get(code="INF1")
    visit.patient = patient
    for plan in ("CYTOKINE", "SUBSET")[: EVENTS[patient.trial.slug]]:
        sample = samples.collected(
            visit, doctor, plan, at=samples.clock(patient, visit.planned_on), aliquots=1
        )
        tubes = list(sample.aliquots.all())
        later = samples.clock(patient, visit.planned_on, "12:00")
        samples.shipped(patient.trial, tubes, doctor, later, destination=word, carrier=word, sent_by=word)


def _stocked(trial: Trial, word: str) -> None:
    """A bag of a released lot, with an excursion that waits for its assessment."""
    bag = product_chain.bag(trial, f"B-{trial.slug[3:]}", of=f"L-{trial.slug[3:]}")
    by = product_chain.technician(trial)
    with acting(user=by, role="cell_laboratory"):
        record_excursion(
            bag=bag, at=product_chain.RECEIVED + timedelta(days=1), lowest_c=None, highest_c=Decimal(-120), minutes=5,
            note=word, by=by,
        )  # fmt: skip
        upload = SimpleUploadedFile("certificate.pdf", pdf(word), "application/pdf")
        attach(lot=bag.lot, title=f"Certificate {word}", upload=upload, by=by)


def _recalled(patient: Patient, doctor: User, word: str) -> None:
    """A recalled lot with an instruction for the patient, and a lot out of specification that was asked for.

    The rows are stored as they are: the patient received nothing, and in a masked trial nobody asks for such a lot.
    """
    found = patient.trial
    lot = product_chain.released(found, f"R-{found.slug[3:]}")
    product_chain.decided(lot, "recall", f"Sterility {word}")
    with acting(user=product_chain.technician(found), role="cell_laboratory"):
        TreatmentInstruction.objects.create(
            patient=patient, number=1, lot=lot, text=f"Blood cultures {word}", reason=word, save_key="page",
            issued_by=product_chain.technician(found),
        )  # fmt: skip
    with acting(user=doctor, role="investigator"):
        ExceptionalStep.objects.create(
            patient=patient, infusion=patient.infusions.order_by("number")[0], kind="request", text=word,
            lot=product_chain.lot(found, f"X-{found.slug[3:]}"), recorded_by=doctor,
        )  # fmt: skip


def asked_about_product(patient: Patient, word: str) -> None:
    """A query on the product of the first infusion. The product is stored as it is: the patient received nothing."""
    technician = product_chain.technician(patient.trial)
    monitor = build.user("unblinded_monitor", trial=patient.trial, full_name=f"Monitor {word}")
    first = patient.infusions.order_by("number")[0]
    with acting(user=technician, role="cell_laboratory"):
        made = Preparation.objects.create(infusion=first, patient=patient, lot=word, prepared_by=technician)
    kind = PRODUCT_KINDS["preparation"]
    (row,) = kind.rows([made.pk])
    with acting(user=monitor, role="unblinded_monitor"):
        threads.raise_fact_query(
            fact=Fact(kind, row, "lot"), text=word, origin="monitor", by=monitor, role="unblinded_monitor"
        )


def too_warm(trial: Trial, doctor: User, word: str) -> None:
    """Places of samples that were too warm: more in the other trial, like all that is numbered."""
    hour = timezone.now() - timedelta(hours=2)
    began, ended = (Moment.from_datetime(hour + timedelta(hours=late), trial.time_zone) for late in range(2))
    with acting(user=doctor, role="investigator"):
        for _each in range(EVENTS[trial.slug]):
            record_storage_excursion(
                trial=trial, by=doctor,
                facts={
                    "place": word, "began": began, "ended": ended, "lowest_c": None, "highest_c": Decimal(-40),
                    "note": word,
                },
            )  # fmt: skip


def _graded(patient: Patient, doctor: User) -> None:
    """A laboratory result that was found significant, whose event is still to be reported."""
    record = graded_results.result(patient, "12 08:00", potassium="6.2")
    with acting(user=doctor, role="investigator"):
        LaboratoryDecision.objects.create(
            trial=patient.trial, patient=patient, record=record, item="potassium", term="Hyperkalemia", ctcae="5.0",
            value="6.2", confirmed_grade=3, significance="significant",
        )  # fmt: skip


def _captured(patient: Patient, doctor: User, word: str) -> None:
    for _each in range(EVENTS[patient.trial.slug]):
        build.event(patient=patient, by=doctor, term=f"Fever {word}")
    with acting(user=doctor, role="investigator"):
        typed = [("term", f"Cough {word}")]
        keep_event_draft(
            patient=patient, save_key="page", typed=typed, answers={"term": f"Cough {word}"}, by=doctor
        )
        added(patient, doctor, description=f"Deviation {word}", **_LONG_AGO)
        added(
            patient, doctor, log=ProductDeviation, **{**_LONG_AGO, "category": "other", "description": word}
        )
    record = Record.objects.get(patient=patient, form="demography")
    build.record(patient, "stay", {}, visit=None, draft=True, by=doctor)
    with acting(user=doctor, role="investigator"):
        threads.raise_query(
            record=record, item="weight", text=f"Right? {word}", origin="monitor", by=doctor, role="monitor"
        )
        upload = SimpleUploadedFile("report.pdf", pdf(word), "application/pdf")
        form = patient.protocol.rules.form("chest_imaging")
        attachments.store(
            upload=upload, item=form.item("ct_report"), patient=patient, form="chest_imaging", by=doctor
        )
        # Another patient is locked, so that the first one stays open to every step.
        neighbour = build.patient(trial=patient.trial, by=doctor, name=f"Neighbour {word}")
        locks.lock(target=neighbour, reason=f"Done {word}", by=doctor)
        locks.request_unlock(target=neighbour, reason=f"A mistake {word}", by=doctor)


def _documents(patient: Patient, doctor: User) -> None:
    with acting(user=doctor, role="investigator"):
        Document.objects.create(
            trial=patient.trial, patient=patient, kind=Document.Kind.CASEBOOK, treatment=False, language="en",
            asked_by=doctor, state=Document.State.READY, finished_at=timezone.now(), sha256="0" * 64,
            file=documents_storage().save(f"crawl/{patient.code}.pdf", ContentFile(pdf())),
        )  # fmt: skip


def _laboratory(trial: Trial, word: str) -> None:
    with acting(system="test"):
        row = add_laboratory(trial=trial, code=word.lower(), name=f"Laboratory {word}", by=None)
        add_range(laboratory=row, facts=facts(source=f"Handbook {word}"), by=None)


def _people(trial: Trial, chief: User, word: str) -> None:
    member = build.user("monitor", trial=trial, full_name=f"Member {word}")
    days = {"role": "monitor", "starts_on": trial.today, "ends_on": None}
    told = {"trial": trial, "by": chief, "installation": "http://testserver/"}
    with acting(user=chief, role="administrator"):
        # Makes an open invitation, and a code whose second half is to be handed over.
        invitations.invite_new(
            full_name=f"Newcomer {word}", email="", identity_verified_on=date(2020, 1, 1), **days, **told
        )
        Authenticator.objects.create(user=member, type=Authenticator.Type.TOTP, data={"secret": "x"})
        factor_recovery.ask_recovery(user=member, trial=trial, reason=f"Lost {word}", by=chief)


def _reviewed(trial: Trial, word: str) -> None:
    chief = build.user("principal_investigator", trial=trial, full_name=f"Principal {word}")
    days = {"since": trial.today - timedelta(days=30), "until": trial.today}
    with acting(user=chief, role="principal_investigator"):
        review_access(
            trial=trial, conclusion=f"As it has to be {word}", password=build.PASSWORD, by=chief, **days
        )
        plan = dict.fromkeys(("every_days", "sample", "person", "starts_on"))
        save_view(trial=trial, name=f"View {word}", query="origin=command", purpose="", plan=plan, by=chief)
        facts = QuestionFacts(
            name=f"Question {word}", form="vitals", condition="hr > 0.0", columns=["hr"], item="hr", shared=True,
            on_home=True, restricted=False,
        )  # fmt: skip
        save_question(trial=trial, facts=facts, by=chief)
        save_listing_view(
            trial=trial, listing="adverse-events", name=f"Events {word}", query="grade=3", by=chief
        )


def owner(trial: Trial) -> User:
    """Return a person with a role, an invitation, a passkey and an open link for a password."""
    word = mark(trial)
    person = build.user("coordinator", trial=trial, full_name=f"Owner {word} {next(_numbers)}")
    with acting(system="test"):
        Authenticator.objects.create(
            user=person, type=Authenticator.Type.WEBAUTHN, data={"name": f"Key {word}", "credential": {}}
        )
        trial.invitations.create(
            username=person.username, role="monitor", starts_on=trial.today, invited_by=person
        )
    return person


def secret_of(person: User) -> str:
    """Return the secret of a link with which a person chooses a password."""
    with acting(system="test"):
        return password_keys.new_link(password_keys.make_key(user=person, by=None))
