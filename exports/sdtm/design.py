"""The trial design from the protocol file: TA (arms), TE (elements), TV (visits), TI (criteria), TS (summary)."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from exports.sdtm.observations import Observation
from exports.sdtm.standard.tables import TERMINOLOGY, code_lists
from exports.sdtm.study import MASKED_ARM, MASKED_TITLE, Study, arm_code, arm_title
from exports.sdtm.timeline import FOLLOW_UP, SCREENING, TREATMENT
from protocol.document.design import ProtocolVisit

PHASES: Final = {
    "I": "PHASE I TRIAL",
    "I/II": "PHASE I/II TRIAL",
    "II": "PHASE II TRIAL",
    "III": "PHASE III TRIAL",
}
BLINDS: Final = {"open": "OPEN LABEL", "single_blind": "SINGLE BLIND", "double_blind": "DOUBLE BLIND"}
PARAMETERS: Final = "C66738"
# Code lists of the values of parameters, whose terms have an NCI code.
VALUE_LISTS: Final = {
    "TPHASE": "C66737", "TBLIND": "C66735", "STYPE": "C99077", "INTMODEL": "C99076", "INTTYPE": "C99078",
    "TTYPE": "C66739", "SEXPOP": "C66732", "TCNTRL": "C66785",
    "ADDON": "C66742", "RANDOM": "C66742", "HLTSUBJI": "C66742", "ADAPT": "C66742", "PDPSTIND": "C66742",
    "PDSTIND": "C66742",
    "PIPIND": "C66742", "RDIND": "C66742", "DMCIND": "C66742",
}  # fmt: skip


def trial_design(study: Study, subjects: int) -> Iterator[Observation]:
    """Yield every record of the trial design. subjects: number of subjects who were included."""
    yield from _arms(study)
    yield from _elements(study)
    yield from _visits(study)
    yield from _criteria(study)
    yield from _summary(study, subjects)


def shown_arms(study: Study) -> list[tuple[str, str]]:
    """Return code and name of each arm; the masked one alone in a package that hides the arms."""
    if study.hides_arms:
        return [(MASKED_ARM, MASKED_TITLE)]
    return [(arm_code(arm), arm_title(arm)) for arm in study.arms]


def element_of(study: Study, epoch: str, arm: str) -> tuple[str, str]:
    """Return code (ETCD) and name of the element of an arm in an epoch."""
    if epoch == SCREENING:
        return "SCRN", "Screening"
    if epoch == FOLLOW_UP:
        return "FUP", "Follow-up"
    names = dict(shown_arms(study))
    return arm[:8] or "TRT", names.get(arm, "Treatment")


def _arms(study: Study) -> Iterator[Observation]:
    for code, name in shown_arms(study):
        for order, epoch in enumerate((SCREENING, TREATMENT, FOLLOW_UP), start=1):
            element, title = element_of(study, epoch, code)
            branch = None
            if epoch == SCREENING:
                branch = f"Randomized to {name}" if study.is_randomised else f"Included to receive {name}"
            values = {
                "ARMCD": code, "ARM": name, "TAETORD": order, "ETCD": element, "ELEMENT": title,
                "TABRANCH": branch, "EPOCH": epoch,
            }  # fmt: skip
            yield Observation("TA", values)


def _elements(study: Study) -> Iterator[Observation]:
    follow_up = study.rules.trial.follow_up_days
    treatments = [element_of(study, TREATMENT, code) for code, _name in shown_arms(study)]
    rules = {
        ("SCRN", "Screening"): ("Informed consent", "Start of the first infusion", None),
        **dict.fromkeys(treatments, ("Start of the first infusion", "End of the last infusion", None)),
        ("FUP", "Follow-up"): (
            "End of the last infusion", f"{follow_up} days after inclusion", f"P{follow_up}D",
        ),
    }  # fmt: skip
    for (code, name), (start, end, duration) in rules.items():
        values = {"ETCD": code, "ELEMENT": name, "TESTRL": start, "TEENRL": end, "TEDUR": duration}
        yield Observation("TE", values)


def _visits(study: Study) -> Iterator[Observation]:
    for code, visit in study.visits.items():
        values = {
            "VISITNUM": study.visit_numbers[code],
            "VISIT": visit.title.in_language("en").upper(),
            "VISITDY": study.visit_days[code],
            "TVSTRL": _start_of(visit),
        }
        yield Observation("TV", values)


def _start_of(visit: ProtocolVisit) -> str:
    anchor = visit.anchor.replace("_", " ")
    early, late = visit.window
    return f"{visit.day} days after {anchor}, from {-early} days before to {late} days after that day"


def _criteria(study: Study) -> Iterator[Observation]:
    seen = set()
    for version in study.versions.values():
        for each in version.rules.eligibility:
            text = each.text.in_language("en")
            if (each.id, text) in seen:
                continue
            seen.add((each.id, text))
            values = {
                "IETESTCD": each.id.upper(),
                "IETEST": text,
                "IECAT": each.kind.upper(),
                "TIVERS": version.version,
            }
            yield Observation("TI", values)


def _summary(study: Study, subjects: int) -> Iterator[Observation]:
    told = study.rules.trial_summary
    found: dict[str, Any] = {**_derived(study, subjects), **told.values}
    names = code_lists()[PARAMETERS].decodes
    for code, value in sorted(found.items()):
        for number, each in enumerate(value if isinstance(value, tuple | list) else (value,), start=1):
            yield _parameter(code, names, number, str(each))
    for code, flavor in sorted(told.unknown.items()):
        if code not in found:
            yield _parameter(code, names, 1, "", flavor)


def _parameter(
    code: str, names: Mapping[str, str], number: int, value: str, flavor: str | None = None
) -> Observation:
    terms = code_lists().get(VALUE_LISTS.get(code, ""))
    nci = terms.terms.get(value) if terms else None
    values = {
        "TSSEQ": number, "TSPARMCD": code, "TSPARM": names.get(code, code), "TSVAL": value or None, "TSVALNF": flavor,
        "TSVALCD": nci or None, "TSVCDREF": "CDISC CT" if nci else None, "TSVCDVER": TERMINOLOGY if nci else None,
    }  # fmt: skip
    if code in DATES and value:
        values |= {"TSVCDREF": "ISO 8601"}
    return Observation("TS", values)


DATES: Final = frozenset({"SSTDTC", "SENDTC", "DCUTDTC", "LENGTH", "AGEMIN", "AGEMAX", "TRGFUDUR"})


def _derived(study: Study, subjects: int) -> dict[str, Any]:
    rules, dosing = study.rules, study.rules.dosing
    started = study.trial.patients.order_by("screened_on").values_list("screened_on", flat=True).first()
    found: dict[str, Any] = {
        "TITLE": rules.trial.title.in_language("en"),
        "SPONSOR": rules.trial.sponsor,
        "TPHASE": PHASES.get(rules.trial.phase, f"PHASE {rules.trial.phase} TRIAL"),
        "TBLIND": BLINDS.get(rules.trial.masking, rules.trial.masking.replace("_", " ").upper()),
        "RANDOM": "Y" if study.is_randomised else "N",
        "PLANSUB": rules.trial.target,
        "ACTSUB": subjects,
        "NARMS": max(1, len(rules.arms)),
        "STYPE": "INTERVENTIONAL",
        "INTTYPE": "BIOLOGIC",
        "INTMODEL": "PARALLEL" if len(rules.arms) > 1 else "SINGLE GROUP",
        "TCNTRL": "PLACEBO" if any(not arm.cells for arm in rules.arms) else "NONE",
        "REGID": tuple(rules.trial.identifiers.values()) or None,
        "FCNTRY": study.country,
        "LENGTH": f"P{rules.trial.follow_up_days}D",
        "STOPRULE": tuple(each.title.in_language("en") for each in rules.stopping_rules) or "NONE",
        "OUTMSPRI": tuple(each.title.in_language("en") for each in rules.outcomes if each.type == "primary"),
        "OUTMSSEC": tuple(
            each.title.in_language("en") for each in rules.outcomes if each.type == "secondary"
        ),
        "SSTDTC": started.isoformat() if isinstance(started, date) else None,
        "DCUTDTC": study.local(study.at)[:10],
        "DCUTDESC": "DATE OF THE EXPORT",
    }
    if dosing:
        found |= {"TRT": dosing.title.in_language("en"), "ROUTE": dosing.route.replace("_", "-").upper()}
    return {code: value for code, value in found.items() if value not in (None, "", ())}
