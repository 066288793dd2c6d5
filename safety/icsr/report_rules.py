"""Rules of the sections N and C: transmission, numbers of the case, reporters, sender and study."""

from safety.icsr import codes
from safety.icsr.case import CaseIdentity, CaseSender, IndividualCase, PrimarySource, Transmission
from safety.icsr.checking import Findings, Flaw

# Country, organisation and number, joined by hyphens; the organisation itself has none.
CASE_NUMBER = r"[A-Z]{2}-[^-]+-.+"
MASKABLE = "MSK ASKU NASK"


def check(case: IndividualCase, found: Findings) -> None:
    """Add what is missing or wrong in N and C."""
    _transmission(case.transmission, found)
    _identity(case.identity, found)
    _sources(case.sources, found)
    _sender(case.sender, found)
    _study(case, found)


def _transmission(sent: Transmission, found: Findings) -> None:
    found.text("N.1.2", sent.batch_number, needed=True)
    found.text("N.1.3", sent.batch_sender, needed=True)
    found.text("N.1.4", sent.batch_receiver, needed=True)
    found.time("N.1.5", sent.sent, digits=14, needed=True, absent="")
    found.text("N.2.r.2", sent.message_sender, needed=True)
    found.text("N.2.r.3", sent.message_receiver, needed=True)


def _identity(identity: CaseIdentity, found: Findings) -> None:
    found.form("C.1.1", identity.number, CASE_NUMBER, needed=True)
    found.time("C.1.2", identity.created, digits=14, needed=True, absent="")
    found.code("C.1.3", identity.kind, needed=True)
    found.time("C.1.4", identity.first_received, digits=8, needed=True, absent="")
    found.time("C.1.5", identity.latest_information, digits=8, needed=True, absent="")
    found.order("C.1.5", identity.first_received, identity.latest_information)
    for here, title in zip(found.each(identity.documents), identity.documents, strict=True):
        here.text("C.1.6.1.r.1", title, needed=True)
    if identity.expedited is None:
        found.add("C.1.7", Flaw.MISSING)
    found.form("C.1.8.1", identity.worldwide_number, CASE_NUMBER, needed=True)
    found.code("C.1.8.2", identity.first_sender, needed=True)
    for here, other in zip(found.each(identity.other_numbers), identity.other_numbers, strict=True):
        here.text("C.1.9.1.r.1", other.source, needed=True)
        here.text("C.1.9.1.r.2", other.number, needed=True)
    for here, number in zip(found.each(identity.linked_reports), identity.linked_reports, strict=True):
        here.text("C.1.10.r", number, needed=True)
    found.code("C.1.11.1", identity.change, needed=bool(identity.change_reason))
    found.text("C.1.11.2", identity.change_reason, needed=bool(identity.change))


def _sources(sources: tuple[PrimarySource, ...], found: Findings) -> None:
    if not sources:
        found.add("C.2", Flaw.MISSING)
    if sum(source.primary for source in sources) != 1:
        found.add("C.2.r.5", Flaw.NOT_ONCE)
    for here, source in zip(found.each(sources), sources, strict=True):
        here.text("C.2.r.1.1", source.title, absent=f"{MASKABLE} UNK")
        here.text("C.2.r.1.2", source.given_name, absent=MASKABLE)
        here.text("C.2.r.1.4", source.family_name, absent=MASKABLE)
        here.text("C.2.r.2.1", source.organisation, absent=MASKABLE)
        here.text("C.2.r.2.2", source.department, absent=MASKABLE)
        here.country("C.2.r.3", source.country, needed=source.primary, absent=f"{MASKABLE} UNK")
        here.code("C.2.r.4", source.qualification, needed=True, absent="UNK")


def _sender(sender: CaseSender, found: Findings) -> None:
    found.code("C.3.1", sender.kind, needed=True)
    found.text("C.3.2", sender.organisation, needed=sender.kind != codes.PATIENT_SENDER)
    for element, value in (
        ("C.3.3.1", sender.department),
        ("C.3.3.3", sender.given_name),
        ("C.3.3.5", sender.family_name),
        ("C.3.4.1", sender.street),
        ("C.3.4.2", sender.city),
        ("C.3.4.4", sender.postcode),
        ("C.3.4.6", sender.telephone),
        ("C.3.4.8", sender.email),
    ):
        found.text(element, value)
    found.country("C.3.4.5", sender.country)


def _study(case: IndividualCase, found: Findings) -> None:
    from_study = case.identity.kind == codes.STUDY_REPORT
    if case.study is None:
        if from_study:
            found.add("C.5.4", Flaw.MISSING)
        return
    study = case.study
    found.code("C.5.4", study.kind, needed=from_study)
    found.text("C.5.2", study.name)
    found.text("C.5.3", study.sponsor_number, needed=from_study)
    if from_study and not study.registrations:
        found.add("C.5.1.r.1", Flaw.MISSING)
    for here, row in zip(found.each(study.registrations), study.registrations, strict=True):
        here.text("C.5.1.r.1", row.number, needed=True)
        here.country("C.5.1.r.2", row.country, needed=True)
