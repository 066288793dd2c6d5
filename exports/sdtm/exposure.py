"""EC (what the ward collected of each infusion, the same in both arms), EX (what was infused), the weight of the day.

EX needs the product, so a package that hides the arms has none (SDTM IG 3.4 §6.1.3: EX is masked until unblinding).
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from dosing.models import Infusion
from exports.sdtm.demographics import planned_arm
from exports.sdtm.observations import Observation, Relation, Supplement
from exports.sdtm.standard.tables import test_names
from exports.sdtm.subject import Subject
from protocol.values.moment_parts import moment_parts

ROUTES: Final = {
    "inhaled": "RESPIRATORY (INHALATION)",
    "intra_arterial": "INTRA-ARTERIAL",
    "intra_articular": "INTRA-ARTICULAR",
}
MILLION: Final = Decimal(1_000_000)
CELLS: Final = "10^6 Therapeutic Cells"


def infusions(subject: Subject) -> Iterator[Observation | Relation]:
    """Yield the infusions given and not given as collected, the products given, and how the two belong together."""
    for infusion in subject.infusions:
        if infusion.state == Infusion.State.PLANNED:
            continue
        collected = _collected(subject, infusion)
        yield collected
        if infusion.state != Infusion.State.GIVEN:
            continue
        yield from _weight(subject, infusion)
        if not subject.study.hides_arms:
            given = _given(subject, infusion)
            yield given
            yield Relation((collected, given))


def _collected(subject: Subject, infusion: Infusion) -> Observation:
    dosing = subject.study.rules.dosing
    given = infusion.state == Infusion.State.GIVEN
    planned = infusion.planned_on.isoformat() if infusion.planned_on else ""
    values: dict[str, Any] = {
        "ECLNKID": f"INF{infusion.number}",
        "ECTRT": dosing.title.in_language("en").upper() if dosing else "STUDY TREATMENT",
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
    dosing = subject.study.rules.dosing
    route = dosing.route if dosing else "intravenous"
    spent = infusion.ended_at - infusion.started_at if infusion.ended_at and infusion.started_at else None
    return {
        f"{domain}DOSFRM": "INJECTION, SUSPENSION",
        f"{domain}DOSFRQ": "ONCE",
        f"{domain}ROUTE": ROUTES.get(route, route.upper()),
        f"{domain}STDTC": moment_parts(infusion.started).local or None,
        f"{domain}ENDTC": moment_parts(infusion.ended).local or None,
        f"{domain}DUR": _duration(spent) if spent else None,
    }


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
    prepared = subject.preparations.get(infusion.pk, {})
    arm = planned_arm(subject)
    cells = prepared.get("viable_cells")
    values: dict[str, Any] = {
        "EXLNKID": f"INF{infusion.number}",
        "EXTRT": arm[1].upper() if arm else "STUDY TREATMENT",
        "EXLOT": prepared.get("lot") or None,
        **_how("EX", subject, infusion),
    }
    if cells:
        values |= {"EXDOSE": (cells / MILLION).normalize(), "EXDOSU": CELLS}
    elif _is_control(subject, infusion):
        # SDTM IG 3.4 §6.1.3: a placebo has the dose 0, in the unit of the product that it stands for.
        values |= {"EXDOSE": Decimal(0), "EXDOSU": CELLS, "EXDOSFRM": "INJECTION, SOLUTION"}
    row = Observation("EX", values, moment=moment_parts(infusion.started).local)
    told = [
        ("DONORID", "Donor code", prepared.get("donor_code")),
        ("BAGS", "Bags", prepared.get("bag")),
        ("VIABPCT", "Viability (%)", prepared.get("viability_percent")),
        ("CELLSKG", "Viable cells per kg", prepared.get("cells_per_kg")),
    ]
    row.supplements += [
        Supplement(name, label, str(value)) for name, label, value in told if value not in (None, "")
    ]
    return row


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
