"""Invented case safety reports: seeded, plausible, blinded and not, with every part of E2B(R3) that we fill."""

import random
from dataclasses import replace
from datetime import UTC, datetime

from safety.icsr.case import (
    Absent,
    Amount,
    CaseDrug,
    CaseIdentity,
    CaseNarrative,
    CasePatient,
    CaseSender,
    CaseStudy,
    CaseTest,
    CausalityOpinion,
    CodedTerm,
    DeathOfCase,
    DoseGiven,
    DrugEventRelation,
    IndividualCase,
    OtherCaseId,
    PastCondition,
    PrimarySource,
    Reaction,
    StudyRegistration,
    Transmission,
)
from safety.icsr.checking import LoadedDictionary

NOW = datetime(2026, 9, 15, 12, 0, tzinfo=UTC)
TEST = LoadedDictionary(name="TEST", version="1.0")
WORDS = (
    "fever",
    "thrombosis <left> & right",
    "Fièvre à 39,5 °C",
    "hipotensión",
    'rash "itchy"',
    "pneumonia\nsecond line",
)


def term(random_: random.Random, *, words: bool = True) -> CodedTerm:
    """Return an invented term of the dictionary TEST."""
    text = random_.choice(WORDS).replace("\n", " ") if words else ""
    return CodedTerm(code=str(random_.randint(90_000_000, 99_999_999)), version=TEST.version, text=text)


def day(random_: random.Random, year: int = 2026) -> str:
    """Return a past day, month or minute as E2B writes it."""
    whole = f"{year}{random_.randint(1, 8):02}{random_.randint(1, 28):02}"
    return random_.choice((whole, whole[:6], f"{whole}1430+0200", whole))


def invented_case(seed: int, *, blinded: bool | None = None) -> IndividualCase:
    """Return a case without findings. The same seed gives the same case."""
    random_ = random.Random(seed)
    hidden = random_.random() < 0.5 if blinded is None else blinded
    events = tuple(_event(random_) for _ in range(random_.randint(1, 4)))
    fatal = any(event.outcome == "5" for event in events)
    number = f"{random_.choice(('BE', 'ES'))}-STROMA-{seed:05}"
    amends = random_.random() < 0.3
    return IndividualCase(
        transmission=Transmission(
            batch_number=f"{number}-{seed}",
            batch_sender="SITE",
            batch_receiver="EVTEST",
            sent="20260915120000+0000",
            message_sender="SITE",
            message_receiver="EVTEST",
        ),
        identity=CaseIdentity(
            number=number,
            created="20260915115959+0000",
            kind="2",
            first_received="20260810",
            latest_information=random_.choice(("20260811", "202608121030+0200")),
            documents=tuple(random_.sample(("Discharge letter", "CT of 3 May"), random_.randint(0, 2))),
            expedited=random_.random() < 0.7,
            worldwide_number=number,
            first_sender="2",
            other_numbers=(OtherCaseId(source="ETHICS", number="77/2026"),) if random_.random() < 0.3 else (),
            linked_reports=("BE-STROMA-1", "BE-STROMA-2") if random_.random() < 0.2 else (),
            change=random_.choice("12") if amends else "",
            change_reason="Entered for another patient" if amends else "",
        ),
        sources=_sources(random_),
        sender=CaseSender(
            kind="3",
            organisation="University hospital",
            department="Safety",
            given_name="Ana",
            family_name="Ruiz",
            street="Rue de l'Hôpital 1",
            city="Liège",
            postcode="4000",
            country="BE",
            telephone="+3240000000",
            email="safety@example.org",
        ),
        study=CaseStudy(
            registrations=(StudyRegistration(number="2020-002102-58", country="EU"),),
            name="MSC in pneumonia",
            sponsor_number="TJT2012",
            kind="1",
        ),
        patient=_patient(random_, fatal=fatal),
        events=events,
        tests=tuple(_test(random_) for _ in range(random_.randint(0, 5))),
        drugs=(
            _suspect(random_, hidden, len(events)),
            *(_concomitant(random_) for _ in range(random_.randint(0, 3))),
        ),
        narrative=CaseNarrative(
            text=" ".join(random_.choice(WORDS) for _ in range(random_.randint(3, 400))),
            reporter_comment=random_.choice(("", "No other cause seen")),
            diagnoses=(term(random_, words=False),) if random_.random() < 0.3 else (),
            sender_comment=random_.choice(("", "Agreed")),
            **random_.choice(({}, {"native_text": "Résumé", "native_language": "fra"})),
        ),
    )


def _sources(random_: random.Random) -> tuple[PrimarySource, ...]:
    first = PrimarySource(
        title=random_.choice(("", "Dr")),
        given_name=Absent.MASKED,
        family_name=random_.choice((Absent.MASKED, "Peeters")),
        organisation=random_.choice(("", "University hospital", Absent.NOT_ASKED)),
        department=random_.choice(("", "ICU")),
        country="BE",
        qualification=random_.choice("123"),
        primary=True,
    )
    other = PrimarySource(qualification=Absent.UNKNOWN, country=random_.choice(("", Absent.UNKNOWN)))
    return (first, other) if random_.random() < 0.3 else (first,)


def _patient(random_: random.Random, *, fatal: bool) -> CasePatient:
    death = DeathOfCase(
        died="20260809",
        causes=(term(random_), CodedTerm(text="Septic shock"))[: random_.randint(1, 2)],
        autopsy=random_.choice((True, False, Absent.UNKNOWN)),
    )
    if death.autopsy is True and random_.random() < 0.5:
        death = replace(death, autopsy_causes=(term(random_),))
    conditions = tuple(
        PastCondition(
            term=term(random_),
            start=random_.choice(("", "2019", "201903", Absent.NOT_ASKED)),
            end=random_.choice(("", "2020")),
            continuing=random_.choice((True, False, None)),
            comment=random_.choice(("", "treated")),
        )
        for _ in range(random_.randint(0, 3))
    )
    return CasePatient(
        initials=random_.choice((Absent.MASKED, "AB")),
        investigation_number=f"L-{random_.randint(1, 99):03}",
        born=random_.choice(("", Absent.MASKED, "19610615")),
        age=Amount(number=str(random_.randint(18, 90)), unit="a"),
        weight_kg=random_.choice(("", "72.5")),
        height_cm=random_.choice(("", "181")),
        sex=random_.choice(("1", "2", "", Absent.UNKNOWN)),
        conditions=conditions,
        history=random_.choice(("Diabetes since youth", Absent.UNKNOWN)),
        concomitant_therapies=random_.random() < 0.3,
        death=death if fatal else None,
    )


def _event(random_: random.Random) -> Reaction:
    outcome = random_.choice("012345")
    seriousness = set(random_.sample("bcdef", random_.randint(0, 3))) | ({"a"} if outcome == "5" else set())
    ends = random_.choice(("", "20260810"))
    return Reaction(
        native_text=random_.choice(WORDS),
        native_language=random_.choice(("fra", "spa", "eng")),
        translation=random_.choice(("", "fever")),
        term=term(random_, words=False),
        highlighted=random_.choice(("", "3", "4")),
        seriousness=frozenset(seriousness),
        start=random_.choice(("202607", "20260715", "202607152340+0200")),
        end=ends,
        duration=Amount() if ends else random_.choice((Amount(), Amount(number="3", unit="h"))),
        outcome=outcome,
        confirmed=random_.choice((None, True)),
        country="BE",
    )


def _test(random_: random.Random) -> CaseTest:
    number = Amount(number=random_.choice(("5", "0.25", "1200")), unit="mg/dL")
    results = (
        {"result": number, "low": "0.5", "high": "10"},
        {"result": number, "comparator": random_.choice(("<", "<=", ">", ">="))},
        {"result_text": "Growth of Gram-negative rods"},
        {"result_code": "1"},
    )
    return CaseTest(
        day=random_.choice((day(random_), Absent.UNKNOWN)),
        name=random_.choice(("CRP", "Blood culture")),
        term=random_.choice((CodedTerm(), term(random_, words=False))),
        comment=random_.choice(("", "repeated")),
        **random_.choice(results),
    )


def _suspect(random_: random.Random, blinded: bool, events: int) -> CaseDrug:
    ends = random_.choice(("", "20260714"))
    dose = DoseGiven(
        start="202607141000+0200",
        end=ends,
        duration=Amount() if ends else Amount(number="45", unit="min"),
        text="Infusion 1",
        route="Intravenous",
        **random_.choice(({}, {"route_code": "20045000", "route_version": "2015"})),
        **(
            {}
            if blinded
            else {"lot": "LOT-7", "dose": Amount(number="210", unit="10*6"), "form": "Suspension"}
        ),
    )
    opinions = (
        CausalityOpinion(source="Investigator", method="Global introspection", result="Possible"),
        CausalityOpinion(eu_source="3", eu_method="1", eu_result=random_.choice("12")),
    )
    return CaseDrug(
        role="1",
        name="Study product (blinded)" if blinded else "MSC of bone marrow",
        blinded=blinded,
        substances=() if blinded else ("Mesenchymal stromal cells",),
        country="BE",
        doses=(dose,) * random_.randint(1, 3),
        indications=(term(random_),) if random_.random() < 0.7 else (),
        action=random_.choice("140"),
        relations=tuple(
            DrugEventRelation(
                event=number,
                opinions=opinions[: random_.randint(1, 2)],
                since_first=random_.choice((Amount(), Amount(number="2", unit="h"))),
                since_last=random_.choice((Amount(), Amount(number="90", unit="min"))),
                recurred=random_.choice(("", "4")),
            )
            for number in range(events)
        ),
        **(
            {}
            if blinded
            else {"cumulative": Amount(number="420", unit="10*6"), "holder": "University hospital"}
        ),
        further_codes=random_.choice(((), ("11",))),
        further_text=random_.choice(("", "Given through a central line")),
    )


def _concomitant(random_: random.Random) -> CaseDrug:
    return CaseDrug(
        role="2",
        name=random_.choice(("Dexamethasone", "Enoxaparin")),
        substances=("Dexamethasone",),
        authorisation=random_.choice(("", "BE123456")),
        authorisation_country="BE",
        doses=(
            DoseGiven(
                dose=Amount(number="6", unit="mg"),
                interval=random_.choice((Amount(), Amount(number="1", unit="d"))),
                start=random_.choice(("", day(random_), Absent.NOT_ASKED)),
                route="Intravenous",
            ),
        ),
    )
