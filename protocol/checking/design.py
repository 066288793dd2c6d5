"""Checks of the trial design: visits, infusions, arms, and references between the tables of the file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, Final

from protocol.checking.shape import Problem, Written
from protocol.document.design import CAUSALITIES, UNSCHEDULED, Allocation, ProtocolVisit, VisitForm
from protocol.document.document import Protocol
from protocol.document.items import CHOICE_TYPES, Item
from protocol.document.monitoring import VERIFIABLE

MOST_PLACES: Final = 200_000
"""Largest allocation list; a list has twice the target in each stratum."""
LONGEST_STRATUM: Final = 200
VISIT_PAGES: Final = frozenset({"new"})
FORM_PAGES: Final = frozenset({"sign", "hold", "miss", "strike-out"})
VERSION_PAGES: Final = frozenset({"patients", "withdraw"})
"""Words in the address of a page, at the place of a visit, a form of a visit, a version."""
NO_AESI: Final = frozenset({"none"})
"""Stored for an event that is of no special interest."""


def design_problems(protocol: Protocol, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes between the tables of a protocol whose parts have the right shape."""
    written = Written.in_file(raw)
    return [
        *_duplicates(protocol),
        *_amendment(protocol),
        *_kept_words(protocol),
        *_arms(protocol, written, raw),
        *_visits(protocol, written),
        *(_infusions(protocol, raw) if protocol.dosing or "dosing" not in raw else ()),
        *_items_referred_to(protocol, written, raw),
        *_monitoring(protocol, written),
        *_causalities(protocol),
    ]


def _causalities(protocol: Protocol) -> Iterator[Problem]:
    """Refuse an unknown code: it would silently count as related."""
    for each in protocol.safety.causality:
        if each.code not in CAUSALITIES:
            known = ", ".join(CAUSALITIES)
            yield Problem(f"safety.causality.{each.code}", f"unknown causality: use one of {known}")


def repeated(path: str, codes: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each code that occurs more than once."""
    for code, times in Counter(codes).items():
        if times > 1:
            yield Problem(f"{path}.{code}", f"stands {times} times")


def _duplicates(protocol: Protocol) -> Iterator[Problem]:
    yield from repeated("arms", (arm.code for arm in protocol.arms))
    yield from repeated("groups", (group.code for group in protocol.groups))
    yield from repeated("eligibility", (criterion.id for criterion in protocol.eligibility))
    yield from repeated("visits", (visit.code for visit in protocol.visits))
    yield from repeated("outcomes", (outcome.id for outcome in protocol.outcomes))
    yield from repeated("safety.aesi", (each.code for each in protocol.safety.aesi))
    yield from repeated("safety.causality", (each.code for each in protocol.safety.causality))
    yield from repeated("consent.types", protocol.consent.types)
    yield from repeated("consent.versions", protocol.consent.versions)
    yield from repeated("trial.site.languages", protocol.trial.site.languages)
    yield from repeated("logs", protocol.logs)
    yield from repeated("confirmed", (each.key for each in protocol.confirmed))
    yield from repeated("profile.labs", protocol.profile.labs)
    yield from repeated("profile.logs", protocol.profile.logs)
    checks = [check.id for form in protocol.forms.values() for check in form.checks]
    yield from repeated("checks", checks)


def _kept_words(protocol: Protocol) -> Iterator[Problem]:
    """Refuse codes that the addresses of other pages, or another answer, have."""
    kept = [
        *((f"visits.{visit.code}", visit.code, VISIT_PAGES) for visit in protocol.visits),
        *((f"forms.{code}", code, FORM_PAGES) for code in protocol.forms),
        ("trial.version", protocol.trial.version, VERSION_PAGES),
        *((f"safety.aesi.{each.code}", each.code, NO_AESI) for each in protocol.safety.aesi),
    ]
    for path, code, words in kept:
        if code in words:
            yield Problem(path, f"the program keeps the word {code!r} for itself: use another code")


def _amendment(protocol: Protocol) -> Iterator[Problem]:
    amendment = protocol.amendment
    if amendment is not None and amendment.replaces == protocol.trial.version:
        yield Problem("amendment.replaces", "this is the version of the file itself: name the one before it")


def _arms(protocol: Protocol, written: Written, raw: Mapping[str, Any]) -> Iterator[Problem]:
    # Counted in the raw file: an arm of the wrong shape is reported itself.
    arms = raw.get("arms")
    count = len(arms) if isinstance(arms, list) else 0
    if protocol.trial.is_masked and count < 2:
        yield Problem("arms", "a masked trial needs two arms or more")
    if protocol.allocation is not None:
        yield from _allocation(protocol, protocol.allocation, written)
    elif "allocation" not in raw and (protocol.trial.is_masked or count > 1):
        yield Problem("allocation", "a masked trial, or one with several arms, needs an allocation")


def _allocation(protocol: Protocol, allocation: Allocation, written: Written) -> Iterator[Problem]:
    for arm in allocation.ratio:
        if arm not in written.arms:
            yield Problem(f"allocation.ratio.{arm}", "unknown arm")
    for arm in sorted(written.arms - set(allocation.ratio)):
        yield Problem("allocation.ratio", f"arm {arm!r} is missing")
    whole = sum(allocation.ratio.values())
    for size in allocation.block_sizes:
        if size % whole:
            yield Problem("allocation.block_sizes", f"{size} is not a multiple of the ratio's {whole}")
    yield from repeated("allocation.strata", allocation.strata)
    yield from _list_size(protocol, allocation)
    for stratum in allocation.strata:
        if not _is_stratum(stratum, protocol, written):
            message = f'{stratum!r}: a stratum is "group" or a choice item, like demography.sex'
            yield Problem("allocation.strata", message)


def _list_size(protocol: Protocol, allocation: Allocation) -> Iterator[Problem]:
    """Refuse strata whose allocation list would fill the database, or whose names no column holds."""
    answers = [
        [group.code for group in protocol.groups] if stratum == "group" else list(item.codes) if item else []
        for stratum in allocation.strata
        for item in [_item(protocol, stratum)]
    ]
    places = 2 * protocol.trial.target * prod(len(codes) or 1 for codes in answers)
    if places > MOST_PLACES:
        told = f"the list would have {places} places, at most {MOST_PLACES} are drawn: use fewer strata"
        yield Problem("allocation.strata", told)
    named = zip(allocation.strata, answers, strict=True)
    if sum(len(path) + 2 + max(map(len, codes), default=0) for path, codes in named) > LONGEST_STRATUM + 1:
        yield Problem("allocation.strata", f"a stratum would have more than {LONGEST_STRATUM} characters")


def _is_stratum(stratum: str, protocol: Protocol, written: Written) -> bool:
    if stratum == "group":
        return bool(protocol.groups)
    item = _item(protocol, stratum)
    return stratum in written.items if item is None else item.type in ("choice", "yes_no")


def _visits(protocol: Protocol, written: Written) -> Iterator[Problem]:
    for visit in protocol.visits:
        yield from _forms(f"visits.{visit.code}.forms", visit.forms, written)
        if visit.kind == "screening" and visit.anchor != "screening":
            yield Problem(
                f"visits.{visit.code}.anchor", "a visit of kind screening is counted from screening"
            )
        yield from _anchor_without_infusion(visit)
        if visit.code == UNSCHEDULED:
            yield Problem(f"visits.{visit.code}", "this code is kept for unscheduled visits")
    if not any(visit.kind == "screening" for visit in protocol.visits):
        yield Problem("visits", "a visit of kind screening is missing")
    yield from _forms("unscheduled.forms", protocol.unscheduled.forms, written)
    for code in protocol.logs:
        if code not in written.forms:
            yield Problem("logs", f"unknown form {code!r}")
    for visit in protocol.visits:
        for code in visit.form_codes:
            if code in protocol.logs:
                yield Problem(f"visits.{visit.code}.forms", f"{code!r} is a log: it belongs to no visit")


def _anchor_without_infusion(visit: ProtocolVisit) -> Iterator[Problem]:
    path = f"visits.{visit.code}.anchor_without_infusion"
    if "anchor_without_infusion" not in visit.model_fields_set:
        return
    if not visit.anchor.startswith("infusion_"):
        yield Problem(path, "the visit is not counted from an infusion: leave this key out")
    elif visit.infusion is not None:
        yield Problem(path, "an infusion is counted from the one before, given or not: leave this key out")


def _forms(path: str, forms: tuple[VisitForm, ...], written: Written) -> Iterator[Problem]:
    yield from repeated(path, (entry.form for entry in forms))
    for entry in forms:
        if entry.form not in written.forms:
            yield Problem(path, f"unknown form {entry.form!r}")


def _infusions(protocol: Protocol, raw: Mapping[str, Any]) -> Iterator[Problem]:
    planned = protocol.dosing.infusions if protocol.dosing else 0
    for visit in protocol.visits:
        yield from _infusion_of(visit, planned)
    # Counted in the raw file: a visit of the wrong shape is not also reported as missing.
    visits = raw.get("visits")
    written = [visit for visit in visits if isinstance(visit, dict)] if isinstance(visits, list) else []
    numbers = [visit.get("infusion") for visit in written]
    given = Counter(number for number in numbers if isinstance(number, int))
    for number in range(1, planned + 1):
        if given[number] != 1:
            yield Problem("visits", f"infusion {number} needs one visit, it has {given[number]}")
    if protocol.dosing and protocol.dosing.first_infusion_within_days[0] < 0:
        yield Problem("dosing.first_infusion_within_days", "the first infusion cannot precede inclusion")


def _infusion_of(visit: ProtocolVisit, planned: int) -> Iterator[Problem]:
    anchor = int(visit.anchor[-1]) if visit.anchor.startswith("infusion_") else 0
    if anchor > planned:
        yield Problem(f"visits.{visit.code}.anchor", f"there are {planned} infusions")
    if visit.infusion is None:
        return
    if visit.infusion > planned:
        yield Problem(f"visits.{visit.code}.infusion", f"there are {planned} infusions")
    if anchor >= visit.infusion:
        yield Problem(f"visits.{visit.code}.anchor", "an infusion is counted from an earlier one")


def _weight_item(protocol: Protocol, raw: Mapping[str, Any]) -> str:
    """Return the path of the weight item, even if another key of `dosing` has the wrong shape."""
    if protocol.dosing:
        return protocol.dosing.weight_item
    dosing = raw.get("dosing")
    path = dosing.get("weight_item") if isinstance(dosing, dict) else None
    return path if isinstance(path, str) and "." in path else ""


def _items_referred_to(protocol: Protocol, written: Written, raw: Mapping[str, Any]) -> Iterator[Problem]:
    profile = protocol.profile
    numeric, choice = frozenset({"integer", "decimal"}), CHOICE_TYPES | {"yes_no"}
    references: list[tuple[str, str | None, frozenset[str]]] = [
        ("profile.age", profile.age, numeric),
        ("profile.sex", profile.sex, frozenset(choice)),
        ("profile.weight", profile.weight, numeric),
        ("profile.died_on", profile.died_on, frozenset({"date"})),
        *(("profile.labs", path, numeric) for path in profile.labs),
    ]
    if protocol.assessment is not None:
        references.append(("assessment.item", protocol.assessment.item, frozenset({"datetime"})))
    if weighed := _weight_item(protocol, raw):
        references.append(("dosing.weight_item", weighed, numeric))
        weight = _item(protocol, weighed)
        if weight and weight.is_numeric and weight.unit != "kg":
            yield Problem("dosing.weight_item", "the weight must be in kg")
    for code in profile.logs:
        if code not in protocol.logs:
            yield Problem("profile.logs", f"{code!r} is no log of this protocol")
    for path, reference, types in references:
        if reference is not None:
            yield from _reference(path, reference, types, protocol, written)


def _monitoring(protocol: Protocol, written: Written) -> Iterator[Problem]:
    for code, planned in protocol.monitoring.verify.items():
        path = f"monitoring.verify.{code}"
        if code not in written.forms:
            yield Problem(path, f"unknown form {code!r}")
        elif not isinstance(planned, str):
            yield from repeated(path, planned)
            yield from _verified(path, code, planned, protocol, written)
    for group, facts in protocol.monitoring.facts.items():
        path = f"monitoring.facts.{group}"
        if not isinstance(facts, str):
            yield from repeated(path, facts)
            yield from (
                Problem(path, f"unknown fact {name!r}; there are {', '.join(VERIFIABLE[group])}")
                for name in facts
                if name not in VERIFIABLE[group]
            )


def _verified(
    path: str, form: str, names: tuple[str, ...], protocol: Protocol, written: Written
) -> Iterator[Problem]:
    for name in names:
        item = _item(protocol, f"{form}.{name}")
        if f"{form}.{name}" not in written.items:
            yield Problem(path, f"unknown item {name!r}")
        elif item is not None and item.is_calculated:
            yield Problem(path, f"{name!r} is calculated: there is no source to compare it with")


def _reference(
    path: str, reference: str, types: frozenset[str], protocol: Protocol, written: Written
) -> Iterator[Problem]:
    item = _item(protocol, reference)
    if item is None:
        if reference not in written.items:
            yield Problem(path, f"unknown item {reference!r}")
    elif item.type not in types:
        yield Problem(path, f"{reference!r} is {item.type}: it should be {' or '.join(sorted(types))}")


def _item(protocol: Protocol, path: str) -> Item | None:
    form, _, name = path.partition(".")
    return protocol.form(form).item(name) if form in protocol.forms and name in protocol.form(form) else None
