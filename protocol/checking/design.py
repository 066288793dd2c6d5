"""Checks of the trial design: visits, infusions, arms, and references between the tables of the file."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Final

from protocol.checking.dosing import body_items, dosing_problems
from protocol.checking.samples import sample_problems
from protocol.checking.shape import Problem, Written, repeated
from protocol.document.design import CAUSALITIES, UNSCHEDULED, Allocation, ProtocolVisit, VisitForm
from protocol.document.document import Protocol
from protocol.document.items import CHOICE_TYPES, Item
from protocol.document.monitoring import VERIFIABLE
from protocol.document.risk_review import FACTS, parts_of

MOST_PLACES: Final = 200_000
"""Largest allocation list; a list has twice the target in each stratum."""
LONGEST_STRATUM: Final = 200
VISIT_PAGES: Final = frozenset({"new"})
FORM_PAGES: Final = frozenset({"sign", "hold", "miss", "strike-out"})
VERSION_PAGES: Final = frozenset({"approve", "patients", "withdraw"})
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
        *dosing_problems(protocol, written, raw),
        *_items_referred_to(protocol, written, raw),
        *_monitoring(protocol, written),
        *_trail_review(protocol, written),
        *sample_problems(protocol, raw),
        *_causalities(protocol),
        *_products(protocol),
        *_stopping_rules(protocol, raw),
    ]


def _products(protocol: Protocol) -> Iterator[Problem]:
    """The products are those that the arms receive: cells, and a placebo if an arm receives none."""
    yield from repeated("products", (f"{each.code} {each.version}" for each in protocol.products))
    if not protocol.products:
        return
    if protocol.dosing is None:
        yield Problem("products", "a trial without dosing has no product")
        return
    codes = {each.code for each in protocol.products if each.cells}
    if protocol.dosing.product not in codes:
        yield Problem(
            "dosing.product", f"unknown product: products have {', '.join(sorted(codes)) or 'none'}"
        )
    placebo = any(not each.cells for each in protocol.products)
    infusions = protocol.dosing.infusions
    if placebo != any(arm.gives_control(infusions) for arm in protocol.arms):
        yield Problem("products", "a placebo is a product with cells = false, if an arm receives no cells")


def _stopping_rules(protocol: Protocol, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield events of special interest that no rule can meet, and rules about infusions in a file without any."""
    known = {each.code for each in protocol.safety.aesi}
    for rule in protocol.stopping_rules:
        path = f"stopping_rules.{rule.id}.events"
        for code in rule.events.aesi or ():
            if code not in known:
                yield Problem(f"{path}.aesi", f"unknown event of special interest {code!r}: see safety.aesi")
        if rule.events.within_hours_of_infusion and "dosing" not in raw:
            yield Problem(f"{path}.within_hours_of_infusion", "the protocol has no [dosing]")


def _causalities(protocol: Protocol) -> Iterator[Problem]:
    """Refuse an unknown code: it would silently count as related."""
    for each in protocol.safety.causality:
        if each.code not in CAUSALITIES:
            known = ", ".join(CAUSALITIES)
            yield Problem(f"safety.causality.{each.code}", f"unknown causality: use one of {known}")


def _duplicates(protocol: Protocol) -> Iterator[Problem]:
    yield from repeated("arms", (arm.code for arm in protocol.arms))
    yield from repeated("groups", (group.code for group in protocol.groups))
    yield from repeated("eligibility", (criterion.id for criterion in protocol.eligibility))
    yield from repeated("visits", (visit.code for visit in protocol.visits))
    yield from repeated("stopping_rules", (rule.id for rule in protocol.stopping_rules))
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
    if protocol.baseline is not None:
        yield from repeated(
            "baseline.moments", (path.partition(".")[0] for path in protocol.baseline.moments)
        )
        yield from repeated("baseline.table", protocol.baseline.table)
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
    for entry in protocol.unscheduled.forms:
        if entry.after_infusion is not None:
            path = f"unscheduled.forms.{entry.form}.after_infusion"
            yield Problem(path, "an unscheduled visit follows no infusion: leave this key out")
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


def _items_referred_to(protocol: Protocol, written: Written, raw: Mapping[str, Any]) -> Iterator[Problem]:
    profile = protocol.profile
    numeric, choice = frozenset({"integer", "decimal"}), CHOICE_TYPES | {"yes_no"}
    references: list[tuple[str, str | None, frozenset[str]]] = [
        ("profile.age", profile.age, numeric),
        ("profile.sex", profile.sex, frozenset(choice)),
        ("profile.weight", profile.weight, numeric),
        ("profile.died_on", profile.died_on, frozenset({"date"})),
        ("profile.last_contact_on", profile.last_contact_on, frozenset({"date"})),
        *(("profile.labs", path, numeric) for path in profile.labs),
    ]
    if (baseline := protocol.baseline) is not None:
        moments = frozenset({"date", "datetime"})
        references += [("baseline.moments", path, moments) for path in baseline.moments]
        references += [("baseline.table", path, numeric | choice) for path in baseline.table]
        planned = protocol.dosing.infusions if protocol.dosing is not None else 0
        if "dosing" not in raw:
            yield Problem(
                "baseline", "the protocol has no [dosing]: there is no infusion before which values count"
            )
        elif planned and baseline.before_infusion > planned:
            yield Problem("baseline.before_infusion", f"the protocol has infusions 1 to {planned}")
    if protocol.assessment is not None:
        references.append(("assessment.item", protocol.assessment.item, frozenset({"datetime"})))
    references += [
        (f"dosing.{key}", path, frozenset({"choice"}) if key == "sex_item" else numeric)
        for key, path in body_items(protocol, raw).items()
    ]
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


def _trail_review(protocol: Protocol, written: Written) -> Iterator[Problem]:
    first, last = protocol.trail_review.minutes
    if first >= last:
        yield Problem("trail_review.working_to", "the working day ends before it begins")
    yield from repeated("trail_review.working_days", protocol.trail_review.working_days)
    for code, watch in protocol.trail_review.watch.items():
        path = f"trail_review.watch.{code}"
        yield from repeated(path, watch.data)
        yield from (Problem(path, told) for data in watch.data if (told := _unwatchable(data, written)))


def _unwatchable(data: str, written: Written) -> str:
    """Return the mistake in a path to watch; empty if it names a form, an item or a fact."""
    place, name = parts_of(data)
    if data == "criteria" or (place in written.forms and (not name or data in written.items)):
        return ""
    if place in written.forms:
        return f"unknown item {data!r}"
    if place not in FACTS:
        return f"unknown form {place!r}; besides forms there are criteria, {', '.join(FACTS)}"
    return (
        ""
        if not name or name in FACTS[place]
        else f"unknown fact {data!r}; there are {', '.join(FACTS[place])}"
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
