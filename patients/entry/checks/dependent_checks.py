"""Check complete forms again when a value that their rules read changes elsewhere.

Whoever saves a form, consents for a patient or gives an infusion changes what the checks of other forms read. Their
queries open and close in the same transaction and name the changed value. Neither the form nor its signature changes.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from accounts.models import User
from patients.casebook.birth_dates import BIRTH_DATE, birth_date_findings
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.casebook_queries import parsed_values
from patients.casebook.dated_items import ComparedDates, KnownMoments, checks_of
from patients.casebook.edit_checks import contradictions
from patients.entry.checks.check_queries import QueryChanges
from patients.entry.checks.dependent_notes import DependentNotes
from patients.models import Patient, Record, Visit
from patients.participation.eligibility_decisions.decision_review import reads_any, review_decision
from patients.participation.eligibility_decisions.eligibility_data import is_before_inclusion
from patients.signals import BORN_ON
from protocol.expressions.rules import FormRules, Readers, rules_of
from protocol.expressions.scope import Scope
from protocol.values.parsing import CheckFinding

Names = Collection[str]
Judged = Mapping[str, Mapping[tuple[str, str], CheckFinding | None]]
"""By changed name: what its readers found, by item and check."""
# What the comparison of the age with the date of birth reads besides the age.
AGE_FACTS = frozenset({BORN_ON, "subject.screened_on", "subject.first_consent_at", "subject.consent_at"})


@dataclass(frozen=True, slots=True)
class Dependent:
    """A form at a visit, or a log, with its rules and those of them that read a changed name, by that name.

    place: of one of its complete records. names: those of `readers` in order. reads: the forms whose captured values
    these need. own: of a log, the items that decide for a row, besides what all its rows see; None if more decides.
    """

    place: FormPlace
    rules: FormRules
    readers: Mapping[str, Readers]
    names: tuple[str, ...]
    reads: frozenset[str]
    own: tuple[str, ...] | None

    def alike(self, record: Record) -> Hashable | None:
        """Return what decides for a row of a log: rows with the same contradict alike. None if they need not."""
        if self.own is None:
            return None
        values = parsed_values(record)
        answers = tuple([values.get(item) for item in self.own])
        # A table or a choice of several is a list: such rows are checked one by one.
        return None if any(isinstance(each, list | dict) for each in answers) else (id(self), answers)


Dependents = Sequence[tuple[Dependent, Record]]
"""Complete records to be checked, each with what is checked in it; the rows of a log share that."""


def check_saved(casebook: Casebook, record: Record, names: Names, changes: QueryChanges, by: User) -> None:
    """Check what reads the changed names of a form that is being saved; `changes` are written by the caller."""
    if found := dependents(casebook, names, changed=record):
        check_dependents(found, casebook, changes, by)
    check_dates(casebook, names, changes, by, changed=record)
    # A draft is no input of a criterion.
    if record.state == Record.State.COMPLETE and _may_be_input_of_criteria(casebook, record):
        review(casebook.patient, frozenset(names), by)


def _may_be_input_of_criteria(casebook: Casebook, record: Record) -> bool:
    """Return False for a form of a later visit, if the patient was included on the same form of an earlier one."""
    visits = {each.id: each for each in casebook.visits}

    def is_earlier(each: Record) -> bool:
        visit = visits.get(each.visit_id or 0)
        return visit is not None and is_before_inclusion(casebook.patient, visit.code, visit.held_on)

    rows = (each for each in casebook.records if each.form == record.form and each.id != record.id)
    return is_earlier(record) or not any(
        each.state == Record.State.COMPLETE and is_earlier(each) for each in rows
    )


def dependents(
    casebook: Casebook, names: Names, *, changed: Record | None = None, visit: Visit | None = None
) -> Dependents:
    """Return the complete forms whose rules read one of the changed names. No query if the records are read.

    changed: the record that was saved or struck out; forms that read another record of its kind are left out, and so
    is the record itself, which its own save checks. visit: only the forms of this visit.
    """
    found: list[tuple[Dependent, Record]] = []
    visits = {each.id: each for each in casebook.visits}
    sight = _Sight(casebook, changed) if changed is not None and changed.visit_id else None
    # Most forms read none of the names. The rows of a log share their rules: there may be some hundred.
    readers = _Readers(casebook, frozenset(names))
    known: dict[tuple[int, str, int | None], Dependent | None] = {}
    for record in _complete(casebook, changed):
        if not readers[record.protocol_id, record.form]:
            continue
        key = record.protocol_id, record.form, record.visit_id
        if visit is not None and key[2] != visit.pk:
            continue
        if key not in known:
            known[key] = _dependent(casebook, record, visits, readers, sight)
        if (each := known[key]) is not None:
            found.append((each, record))
    return found


def _complete(casebook: Casebook, changed: Record | None = None) -> list[Record]:
    """Return the complete records, without the changed one."""
    # `id`, not `pk`, which is two more calls: this runs for every record at every save.
    left_out = changed.id if changed is not None else None
    complete = Record.State.COMPLETE.value
    return [each for each in casebook.records if each.state == complete and each.id != left_out]


class _Readers(dict[tuple[int, str], Mapping[str, Readers]]):
    """By version and form, what in its rules reads one of the changed names; found at first use."""

    def __init__(self, casebook: Casebook, names: frozenset[str]) -> None:
        self.casebook, self.names = casebook, names

    def __missing__(self, key: tuple[int, str]) -> Mapping[str, Readers]:
        version, form = self.casebook.version(key[0]).rules, key[1]
        if form in version.forms:
            readers = rules_of(version).form(form).readers
            self[key] = {name: readers[name] for name in self.names if name in readers}
        else:
            self[key] = {}
        return self[key]


def _dependent(
    casebook: Casebook, record: Record, visits: Mapping[int, Visit], known: _Readers, sight: "_Sight | None"
) -> Dependent | None:
    """Return a complete form to be checked, None if its rules read no changed name or do not see the change."""
    readers = known[record.protocol_id, record.form]
    if readers and sight is not None:
        readers = {name: each for name, each in readers.items() if sight.reaches(record, each.when)}
    if not readers:
        return None
    place = _place(casebook, record, visits)
    reads = frozenset(form for each in readers.values() for form in each.forms)
    once = _once(readers)
    return Dependent(place, place.rules, once, tuple(once), reads, _own(place, once, reads))


def _own(place: FormPlace, readers: Mapping[str, Readers], reads: Collection[str]) -> tuple[str, ...] | None:
    """Return the items that decide for a row of a log; None for other forms, and if conditions or other rows decide."""
    if place.visit is not None or place.form.code in reads or any(each.items for each in readers.values()):
        return None
    checks = [check for each in readers.values() for check in each.checks.values()]
    return tuple(sorted({item for check in checks for item in place.rules.inputs(check)}))


def _once(readers: Mapping[str, Readers]) -> dict[str, Readers]:
    """Return the readers of each name, in the order of the names, without those that an earlier name checks already."""
    checks, items = set[str](), set[str]()
    found = {}
    for name in sorted(readers):
        each = readers[name]
        own = {key: check for key, check in each.checks.items() if key not in checks}
        asked = dict.fromkeys(item for item in each.items if item not in items)
        if own or asked:
            found[name] = replace(each, checks=own, items=asked)
        checks.update(own)
        items.update(asked)
    return found


class _Sight:
    """Which forms read a changed record, and not another record of the same form at a nearer visit.

    The same order as `Casebook.scope`: the record of the same visit, else of the latest earlier one, else the latest.
    """

    def __init__(self, casebook: Casebook, changed: Record) -> None:
        self.order = {visit.id: number for number, visit in enumerate(casebook.ordered_visits())}
        self.own = self._position(changed)
        rows = (record for record in casebook.records if record.form == changed.form)
        in_force = (record for record in rows if record.state != Record.State.STRUCK_OUT)
        self.others = {self._position(record) for record in in_force} - {self.own}
        self.is_latest = not any(position > self.own for position in self.others)

    def reaches(self, record: Record, when: Collection[str]) -> bool:
        """Return True if rules of the record that read the value `when` see the changed record."""
        here = self._position(record)
        is_past = self.own < here and not any(self.own < position < here for position in self.others)
        if ("last" in when and self.is_latest) or ("previous" in when and is_past):
            return True
        if "here" in when and here == self.own:
            return True
        if "now" not in when or here in self.others:
            return False
        has_past = any(position < here for position in self.others)
        return here == self.own or is_past or (self.is_latest and not has_past and self.own > here)

    def _position(self, record: Record) -> int:
        return self.order[record.visit_id] if record.visit_id else len(self.order)


def check_dependents(found: Dependents, casebook: Casebook, changes: QueryChanges, by: User) -> None:
    """Note which queries on the forms open and close. One query for the values that were not read yet."""
    kinds = {id(each): each for each, _record in found}.values()
    casebook.read_values({form for each in kinds for form in (each.place.form.code, *each.reads)})
    notes, scopes = DependentNotes(changes, by), _Scopes(casebook)
    known: dict[Hashable, Judged] = {}
    for each, row in found:
        open_here, key = notes.open_now.get(row.id), each.alike(row)
        judged_now = known.get(key) if key is not None else None
        if judged_now is None:
            scope = scopes.of(each, row)
            judged_now = {name: contradictions(each.rules, each.readers[name], scope) for name in each.names}
            if key is not None:
                known[key] = judged_now
        for name, found_now in judged_now.items():
            # Most forms contradict nothing and have no open query.
            if open_here or any(found_now.values()):
                checked = {(item, "", "", check): finding for (item, check), finding in found_now.items()}
                notes.add(row, each.rules, name, checked)


class _Scopes:
    """The scope of the rules of each form, made once for forms that share it but for their own values.

    The forms of one visit do, and the rows of all logs. Making a scope goes through every record, so it gets only
    those of the forms that are read.
    """

    def __init__(self, casebook: Casebook) -> None:
        self.casebook = casebook
        self.narrow: dict[frozenset[str], Casebook] = {}
        self.known: dict[tuple[int | None, frozenset[str]], Scope] = {}

    def of(self, each: Dependent, record: Record) -> Scope:
        place, reads, values = each.place, each.reads, parsed_values(record)
        if place.form.code in reads:
            # A form whose rules read other records of itself sees all but its own.
            return self._narrow(reads).scope(replace(place, repeat=record.repeat), values)
        key = place.visit.id if place.visit else None, reads
        if key not in self.known:
            self.known[key] = self._narrow(reads).scope(place, values)
        return self.known[key].with_values(values, form=place.form.code)

    def _narrow(self, reads: frozenset[str]) -> Casebook:
        if reads not in self.narrow:
            self.narrow[reads] = self.casebook.with_forms(reads)
        return self.narrow[reads]


def check_dates(
    casebook: Casebook, names: Names, changes: QueryChanges, by: User, *, changed: Record | None = None
) -> None:
    """Compare the dates of the complete forms with the death, the end of study or the consent again, if it changed.

    One query for the values that were not read yet, none if no such fact changed.
    """
    rules = casebook.patient.protocol.rules
    checks = {name: found for name in sorted(names) if (found := checks_of(name, rules))}
    if not checks:
        return
    places, rows = _dated(casebook, changed)
    death = (rules.profile.died_on or "").partition(".")[0]
    casebook.read_values({death, *(place.form.code for place in places.values())})
    moments = KnownMoments(casebook)
    dates = {
        kind: [(name, ComparedDates.of(moments, place, of_name)) for name, of_name in checks.items()]
        for kind, place in places.items()
    }
    notes = DependentNotes(changes, by)
    for kind, row in rows:
        values, open_here = parsed_values(row), notes.open_now.get(row.id)
        for name, compared in dates[kind]:
            # Most forms contradict nothing and have no open query.
            if open_here or compared.contradict(values):
                notes.add(row, compared.place.rules, name, compared.checked(values))


Kind = tuple[int, str]
"""The key of a protocol version and a form."""


def _dated(
    casebook: Casebook, changed: Record | None
) -> tuple[dict[Kind, FormPlace], list[tuple[Kind, Record]]]:
    """Return the complete records of forms with dates but the changed one, and a place for each kind of form."""
    visits = {visit.id: visit for visit in casebook.visits}
    places: dict[Kind, FormPlace] = {}
    dated: dict[Kind, bool] = {}
    found = []
    for record in _complete(casebook, changed):
        kind = record.protocol_id, record.form
        if kind not in dated:
            place = _place(casebook, record, visits)
            dated[kind] = place.form.has_dates
            if dated[kind]:
                places[kind] = place
        if dated[kind]:
            found.append((kind, record))
    return places, found


def review(patient: Patient, names: frozenset[str], by: User) -> None:
    """Review the decision on eligibility if it reads one of the changed names. No query if it does not."""
    if patient.state != Patient.State.SCREEN_FAILED and reads_any(patient.protocol.rules, names):
        review_decision(patient=patient, by=by)


def check_facts(
    *, patient: Patient, names: Names, by: User, visit: Visit | None = None, changed: Record | None = None
) -> None:
    """Check the forms of a patient again outside the save of a form; reads the casebook.

    visit: only the forms of this visit, whose day changed. changed: the form that was struck out.
    """
    review(patient, frozenset(names), by)
    casebook = Casebook(patient, list(patient.visits.order_by("position", "number")))
    casebook.attach_visits()
    found = dependents(casebook, names, changed=changed, visit=visit)
    aged = _with_age(casebook) if AGE_FACTS & set(names) else []
    if in_force := [record for record in casebook.records if record.state != Record.State.STRUCK_OUT]:
        changes = QueryChanges(in_force[0])
        check_dependents(found, casebook, changes, by)
        for place, record in aged:
            _check_age(place, record, casebook, min(AGE_FACTS & set(names)), changes, by)
        check_dates(casebook, names, changes, by, changed=changed)
        changes.write(by)


def _with_age(casebook: Casebook) -> list[tuple[FormPlace, Record]]:
    """Return the complete forms that ask the age."""
    visits = {each.id: each for each in casebook.visits}
    places = ((_place(casebook, record, visits), record) for record in _complete(casebook))
    return [
        (place, record)
        for place, record in places
        if record.form == (place.protocol.rules.profile.age or "").partition(".")[0]
    ]


def _check_age(
    place: FormPlace, record: Record, casebook: Casebook, name: str, changes: QueryChanges, by: User
) -> None:
    """Compare the age in a form with the date of birth again, after one of the days of `AGE_FACTS` changed."""
    item = (place.protocol.rules.profile.age or "").partition(".")[2]
    found = next(birth_date_findings(casebook, place, parsed_values(record)), None)
    DependentNotes(changes, by).add(record, place.rules, name, {(item, "", "", BIRTH_DATE): found})


def check_announced(
    sender: Any, *, patient: Patient, names: Names, visit: Visit | None, by: User, **_: Any
) -> None:
    """Receive `facts_changed`."""
    check_facts(patient=patient, names=names, visit=visit, by=by)


def _place(casebook: Casebook, record: Record, visits: Mapping[int, Visit]) -> FormPlace:
    version = casebook.version(record.protocol_id)
    visit = visits[record.visit_id] if record.visit_id else None
    return FormPlace(casebook.patient, visit, version, version.rules.form(record.form), record.repeat)
