"""EC (what was prepared and what the ward collected of each infusion), EX (what was infused), the weight of the day.

What was prepared and EX need the product, so a package that hides the arms has neither (SDTM IG 3.4 §6.1.3: EX is
masked until unblinding); the rest of EC is the same in both arms.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from dosing.models import Infusion
from exports.sdtm.demographics import planned_arm
from exports.sdtm.exposure.delivered import NO_PRODUCT, InfusedShare
from exports.sdtm.observations import Observation, Relation, Supplement
from exports.sdtm.standard.tables import test_names
from exports.sdtm.subject import Subject
from protocol.values.moment_parts import moment_parts
from safety.models import AdverseEvent

ROUTES: Final = {
    "inhaled": "RESPIRATORY (INHALATION)",
    "intra_arterial": "INTRA-ARTERIAL",
    "intra_articular": "INTRA-ARTICULAR",
}
MILLION: Final = Decimal(1_000_000)
CELLS: Final = "10^6 Therapeutic Cells"
STOPPING: Final = frozenset({AdverseEvent.Action.INTERRUPTED, AdverseEvent.Action.STOPPED})
"""Actions taken for an adverse event after which an infusion is not known to have been completed."""


def infusions(subject: Subject) -> Iterator[Observation | Relation]:
    """Yield what was prepared and collected of each infusion, what reached the patient, and what belongs together."""
    for infusion in subject.infusions:
        if infusion.state == Infusion.State.PLANNED:
            continue
        prepared = list(_prepared(subject, infusion))
        collected = _collected(subject, infusion)
        yield from (*prepared, collected)
        if infusion.state != Infusion.State.GIVEN:
            continue
        yield from _weight(subject, infusion)
        if not subject.study.hides_arms:
            given = _given(subject, infusion)
            yield given
            yield Relation((*prepared, collected, given))


def _prepared(subject: Subject, infusion: Infusion) -> Iterator[Observation]:
    """Yield the product that was prepared for an infusion; none in a package that hides the arms."""
    product = subject.preparations.get(infusion.pk)
    if product is None:
        return
    planned = infusion.planned_on.isoformat() if infusion.planned_on else ""
    values = {
        "ECLNKID": f"INF{infusion.number}",
        "ECTRT": _treatment(subject),
        "ECMOOD": "SCHEDULED",
        **_form_and_route("EC", subject),
        **_dose("EC", subject, infusion, product["viable_cells"]),
        "ECSTDTC": planned or None,
    }
    if not values.get("ECDOSE"):
        # What was collected of a placebo is a volume, no number of cells (CORE-000137).
        values |= {"ECDOSE": None, "ECDOSU": None}
    row = Observation("EC", values, moment=planned)
    if volume := subject.prepared_ml.get(infusion.pk):
        row.supplements.append(Supplement("PREPML", "Volume prepared (mL)", f"{volume.normalize():f}"))
    if product["cells_per_kg"] is not None:
        per_kg = Supplement(
            "CELLSKG", "Viable cells prepared per kg", str(product["cells_per_kg"]), "DERIVED"
        )
        row.supplements.append(per_kg)
    yield row


def _treatment(subject: Subject) -> str:
    dosing = subject.study.rules.dosing
    return dosing.title.in_language("en").upper() if dosing else "STUDY TREATMENT"


def _collected(subject: Subject, infusion: Infusion) -> Observation:
    given = infusion.state == Infusion.State.GIVEN
    planned = infusion.planned_on.isoformat() if infusion.planned_on else ""
    values: dict[str, Any] = {
        "ECLNKID": f"INF{infusion.number}",
        "ECTRT": _treatment(subject),
        "ECMOOD": "PERFORMED",
        "ECPRESP": "Y",
        "ECOCCUR": "Y" if given else "N",
        "ECREASOC": None if given else str(infusion.not_given_reason),
    }
    row = Observation("EC", values, moment=planned)
    if given:
        row.values |= {
            "ECDOSE": infusion.volume_ml,
            "ECDOSU": "mL" if infusion.volume_ml is not None else None,
            "ECADJ": infusion.interruption_reason or None,
            **_how("EC", subject, infusion),
        }
        row.moment = moment_parts(infusion.started).local
        row.supplements += _told(infusion)
    return row


def _how(domain: str, subject: Subject, infusion: Infusion) -> dict[str, Any]:
    spent = infusion.ended_at - infusion.started_at if infusion.ended_at and infusion.started_at else None
    return {
        **_form_and_route(domain, subject),
        f"{domain}STDTC": moment_parts(infusion.started).local or None,
        f"{domain}ENDTC": moment_parts(infusion.ended).local or None,
        f"{domain}DUR": _duration(spent) if spent else None,
    }


def _form_and_route(domain: str, subject: Subject) -> dict[str, Any]:
    dosing = subject.study.rules.dosing
    route = dosing.route if dosing else "intravenous"
    return {
        f"{domain}DOSFRM": "INJECTION, SUSPENSION",
        f"{domain}DOSFRQ": "ONCE",
        f"{domain}ROUTE": ROUTES.get(route, route.upper()),
    }


def _dose(domain: str, subject: Subject, infusion: Infusion, cells: Decimal | None) -> dict[str, Any]:
    """Return dose and unit in millions of viable cells; none without cells that are known."""
    if cells is not None:
        return {f"{domain}DOSE": (cells / MILLION).normalize(), f"{domain}DOSU": CELLS}
    if _is_control(subject, infusion):
        # SDTM IG 3.4 §6.1.3: a placebo has the dose 0, in the unit of the product that it stands for.
        return {
            f"{domain}DOSE": Decimal(0),
            f"{domain}DOSU": CELLS,
            f"{domain}DOSFRM": "INJECTION, SOLUTION",
        }
    return {}


def _duration(spent: timedelta) -> str:
    return f"PT{int(spent.total_seconds() // 60)}M"


def _told(infusion: Infusion) -> list[Supplement]:
    found = [
        ("PREMED", "Premedication", infusion.premedication),
        ("INTERRUP", "Interrupted", infusion.interrupted),
        ("TOLERATE", "Well tolerated", infusion.tolerated),
        ("TOLNOTE", "What was not tolerated", infusion.tolerance_note),
        ("TIMEREAS", "Reason for the timing", infusion.timing_deviation_reason),
    ]
    return [Supplement(name, label, value) for name, label, value in found if value]


def _given(subject: Subject, infusion: Infusion) -> Observation:
    product = subject.preparations.get(infusion.pk, {})
    arm, course = planned_arm(subject), _course(subject, infusion)
    prepared = product.get("viable_cells")
    cells = None if prepared is None else course.delivered(prepared)
    values: dict[str, Any] = {
        "EXLNKID": f"INF{infusion.number}",
        "EXTRT": arm[1].upper() if arm else "STUDY TREATMENT",
        "EXLOT": product.get("lot") or None,
        **_how("EX", subject, infusion),
        "EXADJ": None if course.is_whole else _reason(subject, infusion) or None,
    }
    unknown = ""
    if prepared is None and not _is_control(subject, infusion):
        unknown = NO_PRODUCT
    elif prepared is not None and cells is None:
        unknown = course.unknown
    else:
        values |= _dose("EX", subject, infusion, cells)
    row = Observation("EX", values, moment=moment_parts(infusion.started).local)
    told = [
        ("DONORID", "Donor code", product.get("donor_code"), "CRF"),
        ("BAGS", "Bags", product.get("bag"), "CRF"),
        ("VIABPCT", "Viability (%)", product.get("viability_percent"), "CRF"),
        ("CELLSKG", "Viable cells delivered per kg", _per_kg(product, cells), "DERIVED"),
        ("NODOSE", "Why the delivered dose is not known", unknown, "DERIVED"),
    ]
    row.supplements += [
        Supplement(name, label, str(value), origin)
        for name, label, value, origin in told
        if value not in (None, "")
    ]
    return row


def _course(subject: Subject, infusion: Infusion) -> InfusedShare:
    dosing = subject.study.rules_of(subject.patient.protocol_id).dosing
    limits = dosing.volume_ml if dosing else None
    least = None if limits is None else limits.planned if limits.lowest is None else limits.lowest
    stopped = (
        infusion.interruption_reason or infusion.pk in subject.stops or _stopped_for_event(subject, infusion)
    )
    return InfusedShare(
        infused_ml=infusion.volume_ml,
        prepared_ml=subject.prepared_ml.get(infusion.pk),
        planned_ml=least,
        uninterrupted=infusion.interrupted == "N" and not stopped,
    )


def _stopped_for_event(subject: Subject, infusion: Infusion) -> bool:
    return any(
        event.infusion == infusion.number and event.action_taken in STOPPING for event in subject.events
    )


def _reason(subject: Subject, infusion: Infusion) -> str:
    """Return why less than the whole product was infused, as the ward or the physician recorded it."""
    told = [infusion.interruption_reason, *subject.stops.get(infusion.pk, ())]
    return "; ".join(text for text in told if text)


def _per_kg(product: dict[str, Any], cells: Decimal | None) -> Decimal | None:
    """Return the viable cells delivered per kg, by the weight with which the prepared dose was compared."""
    if cells is None or product["cells_per_kg"] is None:
        return None
    if cells == product["viable_cells"]:
        stored: Decimal = product["cells_per_kg"]
        return stored
    return (cells / product["dose_measure"]).quantize(product["cells_per_kg"])


def _is_control(subject: Subject, infusion: Infusion) -> bool:
    arms = {arm.code: arm for arm in subject.study.arms}
    arm = arms.get(subject.arm) or next(iter(subject.study.arms), None)
    return arm is not None and not arm.gives_cells(infusion.number)


def _weight(subject: Subject, infusion: Infusion) -> Iterator[Observation]:
    if infusion.weight_kg is None:
        return
    measured = moment_parts(infusion.weight_measured).local or moment_parts(infusion.started).local
    values = {
        "VSTESTCD": "WEIGHT",
        "VSTEST": test_names()["VS", "WEIGHT"],
        "VSCAT": "WEIGHT OF THE DAY OF AN INFUSION",
        "VSORRES": f"{infusion.weight_kg:f}",
        "VSORRESU": "kg",
        "VSSTRESC": f"{infusion.weight_kg:f}",
        "VSSTRESN": infusion.weight_kg,
        "VSSTRESU": "kg",
        "VSDTC": measured,
        **subject.visit_of(infusion.visit_id),
    }
    yield Observation("VS", values, moment=measured, source="infusions.weight_kg")
