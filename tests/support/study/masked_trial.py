"""A masked trial with patients treated in each arm, and addresses in it that no page links to."""

from decimal import Decimal
from types import SimpleNamespace

from django.urls import reverse

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.allocation.slots import arm_of
from dosing.infusions.administration import record_infusion, record_weight
from dosing.infusions.infusion_checks import Bedside
from dosing.masked.results import masked_form, record_results
from dosing.models import Infusion, ProductDeviation
from dosing.product_queries import verification
from dosing.product_queries.kinds import KINDS
from dosing.products.preparing import record_preparation
from dosing.unblinding.exposure import record_exposure
from dosing.unblinding.opening import unblind
from dosing.worksheet import bench
from patients.casebook.facts import Fact
from patients.models import Patient
from patients.participation.protocol_amendments.amendments import move
from patients.queries import threads
from reports.own_questions.keeping import QuestionFacts, save_question
from tests.support import build
from tests.support.build import moment
from tests.support.pages import blinding
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, stored
from tests.support.study.deviations import added, classified
from trials.roles import ROLES
from trials.versions.loading import load_protocol

ZONE = "Europe/Madrid"
# With this seed the first patient receives cells and the second one saline.
SEED = "known"


def at(clock: str):
    return moment(f"10-Mar-2026 {clock}", ZONE)


def infusion_of(patient: Patient) -> Infusion:
    return stored(patient, 1)


def weigh(patient: Patient, by) -> None:
    with acting(user=by, role="coordinator", origin="web"):
        record_weight(
            infusion=infusion_of(patient), weight_kg=Decimal(70), weight_measured=at("08:00"), version=1, by=by,
            weight_confirmation="Weighed twice",
        )  # fmt: skip


def bedside(**changed) -> Bedside:
    fields = {
        "weight_kg": Decimal(70), "weight_measured": at("08:00"), "weight_confirmation": "Weighed twice",
        "started": at("10:00"), "ended": at("10:30"), "volume_ml": Decimal(100), "interrupted": "N",
        "interruption_reason": "", "premedication": "None", "tolerated": "Y", "timing_deviation_reason": "",
    }  # fmt: skip
    return Bedside(**{**fields, **changed})


def give(patient: Patient, by, **changed) -> None:
    row = infusion_of(patient)
    with acting(user=by, role="coordinator", origin="web"):
        record_infusion(infusion=row, facts=bedside(**changed), version=row.version, by=by, reason="Given")


def prepare(patient: Patient, by) -> None:
    """Record the product of the patient's arm, then amend it, so that the history holds products too."""
    arm = arm_of(patient)
    content = blinding.CELLS if arm is not None and arm.cells else blinding.SALINE
    facts = {
        name: content[name] for name in ("donor_code", "lot", "bag", "viable_cells", "viability_percent")
    } | {
        "thawed": at("09:11") if content["thawed"] else None, "donor_deviation_reason": "",
        "dose_deviation_reason": content["dose_deviation_reason"],
    }  # fmt: skip
    with acting(user=by, role="cell_laboratory", origin="web"):
        bench.scan(infusion=infusion_of(patient), text=patient.code, by=by)
        fields = {"infusion": infusion_of(patient), "by": by}
        for version, name in enumerate(("LOT-QXJ-0", content["lot"])):
            product = chain.product(infusion_of(patient), {**facts, "lot": name})
            reason = "Misread QXJ" if version else ""
            record_preparation(facts=product, version=version, reason=reason, **fields)


def measure(patient: Patient, ward, laboratory) -> None:
    """Record the sample of HLA antibodies at the infusion, and its masked results, amended once."""
    sample = build.record(
        patient,
        "hla_antibodies",
        {"sampled_at": "2026-03-10T08:30+01:00[Europe/Madrid]", "tube": "T-1"},
        visit="INF1",
        by=ward,
    )
    found = {"class_i": "POS", "class_ii": "?ND", "specificities": "A2 QXJ"}
    with acting(user=laboratory, role="cell_laboratory", origin="web"):
        record_results(record=sample, typed=found, seen="", by=laboratory)
        seen = masked_form(sample, laboratory).seen
        record_results(
            record=sample, typed={**found, "class_ii": "NEG"}, seen=seen, reason="Measured QXJ", by=laboratory
        )


def masked_trial() -> SimpleNamespace:
    """Return a masked trial: a patient treated in each arm, one with a product, one allocated only."""
    trial = build.trial(build.COVID_MSV)
    staff = {role: build.user(role, trial=trial) for role in ROLES}
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed=SEED)
    doctor, ward, laboratory = staff["investigator"], staff["coordinator"], staff["cell_laboratory"]
    treated = [build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _arm in range(2)]
    for patient in treated:
        weigh(patient, ward)
        prepare(patient, laboratory)
        give(patient, ward)
        measure(patient, ward, laboratory)
        build.event(patient=patient, by=doctor, onset=moment("11-Mar-2026 12:00", ZONE))
    ready = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    weigh(ready, ward)
    prepare(ready, laboratory)
    build.eligible(trial=trial, screened_on=INCLUDED, investigator=doctor)
    deviate(treated, ward, doctor, laboratory)
    ask_about_products(treated[0], staff["unblinded_monitor"], laboratory)
    become_known(treated, ward, doctor)
    amend(trial, treated[1], staff["data_manager"])
    ask_own_questions(trial, staff)
    for role in ("cell_laboratory", "statistician"):
        look_at_everything(trial, build.client(staff[role]))
    home = reverse("reports:home", args=[trial.slug])
    return SimpleNamespace(trial=trial, staff=staff, treated=treated, ready=ready, home=home)


def ask_own_questions(trial, staff) -> None:
    """Save a question on records, shared and counted on home, and one on masked results."""
    facts = {"form": "hla_antibodies", "item": "", "shared": True, "on_home": True}
    for role, log in (("coordinator", False), ("cell_laboratory", True)):
        condition = "class_i == 'POS'" if log else "tube == 'T-1'"
        asked = QuestionFacts(
            name="Antibodies QXJ" if log else "Tubes", condition=condition, columns=["tube"], restricted=log, **facts
        )  # fmt: skip
        with acting(user=staff[role], role=role, origin="web"):
            save_question(trial=trial, facts=asked, by=staff[role])


def become_known(treated: list[Patient], ward, doctor) -> None:
    """The doctor unblinds the first patient; the nurse saw a label of the second one."""
    with acting(user=doctor, role="investigator", origin="web"):
        unblind(
            patient=treated[0], category="emergency", reason="Shock", password=build.PASSWORD, by=doctor,
            save_key="u1",
        )  # fmt: skip
    with acting(user=ward, role="coordinator", origin="web"):
        record_exposure(
            patient=treated[1], known_to=ward, known_to_name="", learned="product", known_since=at("09:30"),
            reason="A label was readable", by=ward, save_key="e1",
        )  # fmt: skip


def deviate(treated: list[Patient], ward, doctor, laboratory) -> None:
    """Enter a deviation in the general log of each patient; the low dose of the cells has opened one of the product."""
    for patient in treated:
        classified(added(patient, ward, category="other"), doctor)
        added(patient, ward, category="consent")
    low = ProductDeviation.objects.get(patient=treated[0])
    classified(low, laboratory, "major", action_taken="Bank asked QXJ")
    added(treated[0], laboratory, log=ProductDeviation, category="other", description="Label torn QXJ")


def ask_about_products(patient: Patient, monitor, laboratory) -> None:
    """Raise a query on the product and one on a masked result, answer the first, and verify the product."""
    rows = {
        "preparation": ("lot", patient.preparations.get()),
        "masked_result": ("value", patient.masked_results.first()),
    }
    asked = []
    for target, (item, row) in rows.items():
        (fresh,) = KINDS[target].rows([row.pk])
        fact = Fact(KINDS[target], fresh, item)
        with acting(user=monitor, role="unblinded_monitor", origin="web"):
            asked.append(
                threads.raise_fact_query(
                    fact=fact, text="Is it QXJ?", origin="monitor", by=monitor, role="unblinded_monitor"
                )
            )
    with acting(user=laboratory, role="cell_laboratory", origin="web"):
        threads.answer_query(query=asked[0], text="Yes QXJ", by=laboratory, role="cell_laboratory")
    boxes = [block.value for block in verification.blocks(patient)]
    seen = verification.seen_in(boxes, verification.blocks(patient))
    with acting(user=monitor, role="unblinded_monitor", origin="web"):
        verification.verify(patient=patient, seen=seen, by=monitor, role="unblinded_monitor")


def amend(trial, patient: Patient, by) -> None:
    """Load an amendment and move a treated patient to it, so that its pages are read too."""
    text = build.protocol_text(build.COVID_MSV).replace('version = "1.0"', 'version = "1.1"', 1)
    result = (
        '\n[amendment]\nreplaces = "1.0"\nreconsent = true\nsummary = { en = "Nothing but its number" }\n'
    )
    with acting(system="test"):
        version = load_protocol(text=text + result, effective_from=INCLUDED)
    with acting(user=by, role="data_manager", origin="web"):
        move(patients=[Patient.objects.get(pk=patient.pk)], to=version, reason="Amendment", by=by)


def look_at_everything(trial, client) -> None:
    """Read, search and export as an unblinded person, so that the trail holds these events."""
    home = f"/trials/{trial.slug}/"
    bag = f"{home}patients/{trial.patients.get(number=1).code}/infusions/1/preparation/"
    for address in (f"{home}allocation/", f"{home}infusions/?format=csv", f"{home}search/?q=LOT-QXJ", bag):
        assert blinding.shown(client.get(address)).startswith(b"200")
    blinding.shown(client.post(f"{home}exports/", {"purpose": "Board"}))


def also(trial) -> list[str]:
    """Return addresses that no page of a blinded person links to, and the pages of the infusion visit."""
    home = f"/trials/{trial.slug}/"
    guessed = ("infusions/1/", "infusions/1/?change=1", "infusions/1/weight/", "infusions/1/not-given/",
               "infusions/1/preparation/", "infusions/1/preparation/?change=1", "infusions/1/preparation/dose/",
               "infusions/1/worksheet/", "infusions/1/kit/", "infusions/1/override/",
               "masked-results/INF1/hla_antibodies/", "visits/INF1/hla_antibodies/",
               "unblinding/", "unblinding/susar/", "unblinding/exposure/",
               "deviations/1/", "product-deviations/1/", "product-deviations/1/classify/", "product-deviations/new/",
               "product-facts/preparation/1/lot/", "product-verification/",
               "visits/INF1/", "visits/INF1/vitals/", "visits/INF1/infusion_monitoring/")  # fmt: skip
    lists = [
        f"{name}/?format=csv"
        for name in (
            "patients",
            "forms",
            "queries",
            "quality",
            "infusions",
            "adverse-events",
            "trail",
            "deviations",
            "product-deviations",
        )
    ]
    texts = ("LOT-QXJ", "D-QXJ", "SALINE", "placebo", "cells", "infusion", "D-1", "P-1", "deviation", "dose")
    sought = [f"search/?q={text}" for text in texts]
    asked = [
        f"trail/?form=dosing.{name}"
        for name in ("preparation", "allocationslot", "infusion", "productdeviation", "maskedresult")
    ]
    sorts = [f"infusions/?sort={name}" for name in ("dose", "donor", "lot", "cells_per_kg", "-patient")]
    waiting = ["deviations/?state=waiting", "product-deviations/", "product-deviations/?state=waiting"]
    waiting += ["masked-results/", "masked-results/?format=csv"]
    waiting += [
        "product-queries/",
        "product-queries/?format=csv",
        "product-queries/1/",
        "product-verification/",
    ]
    waiting += ["unblindings/", "unblindings/open/"]
    asking = [
        f"own-questions/{log}/1/{page}"
        for log in ("data", "product")
        for page in ("", "change/", "ask/?all=1")
    ]
    waiting += [*asking, "own-questions/new/?form=hla_antibodies&like=product-1"]
    pages = [*lists, *sought, *asked, *sorts, *waiting, "allocation/", "allocation/?format=csv"]
    codes = trial.patients.values_list("code", flat=True)
    return [f"{home}patients/{code}/{page}" for code in codes for page in guessed] + [
        home + page for page in pages
    ]
