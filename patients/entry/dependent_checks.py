"""Judge complete forms again when a value that their rules read changes elsewhere.

Whoever saves a form, consents for a patient or gives an infusion changes what the checks of other forms read. Their
queries open and close in the same transaction and name the changed value. Neither the form nor its signature changes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from audit.stored_text import StoredText, system_text
from patients.casebook.birth_dates import BIRTH_DATE, birth_date_findings
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.casebook_queries import parsed_values
from patients.casebook.edit_checks import CHECK, contradictions
from patients.entry.check_queries import QueryChanges, closed, query_of_check, question
from patients.models import Patient, Query, Record, Visit
from patients.participation.decision_review import reads_any, review_decision
from patients.signals import BORN_ON
from protocol.expressions.rules import FormRules, Readers, rules_of
from protocol.values.parsing import CheckFinding
from trials.models import ProtocolVersion

Names = Collection[str]
OpenQueries = dict[tuple[str, str], Query]
"""Queries of checks on one form that are not closed, by item and check."""
# What the comparison of the age with the date of birth reads besides the age.
AGE_FACTS = frozenset({BORN_ON, "subject.screened_on", "subject.first_consent_at", "subject.consent_at"})


@dataclass(frozen=True, slots=True)
class Dependent:
    """A complete form with the rules that read a changed name, by that name."""

    place: FormPlace
    record: Record
    readers: Mapping[str, Readers]


def judge_saved(casebook: Casebook, record: Record, names: Names, changes: QueryChanges, by: User) -> None:
    """Judge what reads the changed names of a form that is being saved; `changes` are written by the caller."""
    if found := dependents(casebook, names, changed=record):
        judge(found, casebook, changes, by)
    # A draft is no input of a criterion.
    if record.state == Record.State.COMPLETE:
        review(casebook.patient, frozenset(names), by)


def dependents(
    casebook: Casebook, names: Names, *, changed: Record | None = None, visit: Visit | None = None
) -> list[Dependent]:
    """Return the complete forms whose rules read one of the changed names. No query if the records are read.

    changed: the record that was saved or struck out; forms that read another record of its kind are left out, and so
    is the record itself, which its own save judges. visit: only the forms of this visit.
    """
    found: list[Dependent] = []
    visits = {each.pk: each for each in casebook.visits}
    by_version: dict[tuple[int, str], Mapping[str, Readers]] = {}
    sight = _Sight(casebook, changed) if changed is not None and changed.visit_id else None
    for record in casebook.records:
        if record.state != Record.State.COMPLETE or (changed is not None and record.pk == changed.pk):
            continue
        if visit is not None and record.visit_id != visit.pk:
            continue
        key = record.protocol_id, record.form
        if key not in by_version:
            by_version[key] = _readers(casebook.version(record.protocol_id), record.form, names)
        readers = by_version[key]
        if sight is not None:
            readers = {name: each for name, each in readers.items() if sight.reaches(record, each.when)}
        if readers:
            found.append(Dependent(_place(casebook, record, visits), record, readers))
    return found


class _Sight:
    """Which forms read a changed record, and not another record of the same form at a nearer visit.

    The same order as `Casebook.scope`: the record of the same visit, else of the latest earlier one, else the latest.
    """

    def __init__(self, casebook: Casebook, changed: Record) -> None:
        self.order = {visit.pk: number for number, visit in enumerate(casebook.ordered_visits())}
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
        if "now" not in when or here in self.others:
            return False
        has_past = any(position < here for position in self.others)
        return here == self.own or is_past or (self.is_latest and not has_past and self.own > here)

    def _position(self, record: Record) -> int:
        return self.order[record.visit_id] if record.visit_id else len(self.order)


def judge(found: Sequence[Dependent], casebook: Casebook, changes: QueryChanges, by: User) -> None:
    """Note which queries on the forms open and close. One query for the values that were not read yet."""
    casebook.read_values({form for each in found for form in (each.record.form, *each.place.reads)})
    # A scope goes through every record: each form gets only those that its rules read.
    read_by = {each.place.reads: casebook.with_forms(each.place.reads) for each in found}
    for each in found:
        scope = read_by[each.place.reads].scope(each.place, parsed_values(each.record))
        open_now = _open_now(changes, each.record)
        for name in sorted(each.readers):
            judged = contradictions(each.place.rules, each.readers[name], scope)
            _note(each, name, judged, open_now, changes, by)


def _open_now(changes: QueryChanges, record: Record) -> OpenQueries:
    rows = (query for query in changes.standing if query.record_id == record.pk)
    return {(query.item, query.check_id): query for query in rows if query.state != Query.State.CLOSED}


def review(patient: Patient, names: frozenset[str], by: User) -> None:
    """Review the decision on eligibility if it reads one of the changed names. No query if it does not."""
    if patient.state != Patient.State.SCREEN_FAILED and reads_any(patient.protocol.rules, names):
        review_decision(patient=patient, by=by)


def judge_facts(
    *, patient: Patient, names: Names, by: User, visit: Visit | None = None, changed: Record | None = None
) -> None:
    """Judge the forms of a patient again outside the save of a form; reads the casebook.

    visit: only the forms of this visit, whose day changed. changed: the form that was struck out.
    """
    review(patient, frozenset(names), by)
    casebook = Casebook(patient, list(patient.visits.order_by("position", "number")))
    casebook.attach_visits()
    found = dependents(casebook, names, changed=changed, visit=visit)
    aged = _with_age(casebook) if AGE_FACTS & set(names) else []
    if judged := [*found, *aged]:
        changes = QueryChanges(judged[0].record)
        judge(found, casebook, changes, by)
        for each in aged:
            _judge_age(each, casebook, min(AGE_FACTS & set(names)), changes, by)
        changes.write(by)


def _with_age(casebook: Casebook) -> list[Dependent]:
    """Return the complete forms that ask the age."""
    visits = {each.pk: each for each in casebook.visits}
    complete = (record for record in casebook.records if record.state == Record.State.COMPLETE)
    places = ((_place(casebook, record, visits), record) for record in complete)
    return [
        Dependent(place, record, {})
        for place, record in places
        if record.form == (place.protocol.rules.profile.age or "").partition(".")[0]
    ]


def _judge_age(each: Dependent, casebook: Casebook, name: str, changes: QueryChanges, by: User) -> None:
    """Compare the age in a form with the date of birth again, after one of the days of `AGE_FACTS` changed."""
    item = (each.place.protocol.rules.profile.age or "").partition(".")[2]
    found = next(birth_date_findings(casebook, each.place, parsed_values(each.record)), None)
    _note(each, name, {(item, BIRTH_DATE): found}, _open_now(changes, each.record), changes, by)


def judge_announced(
    sender: Any, *, patient: Patient, names: Names, visit: Visit | None, by: User, **_: Any
) -> None:
    """Receive `facts_changed`."""
    judge_facts(patient=patient, names=names, visit=visit, by=by)


def _readers(version: ProtocolVersion, form: str, names: Names) -> Mapping[str, Readers]:
    if form not in version.rules.forms:
        return {}
    readers = rules_of(version.rules).form(form).readers
    return {name: readers[name] for name in readers.keys() & set(names)}


def _place(casebook: Casebook, record: Record, visits: Mapping[int, Visit]) -> FormPlace:
    version = casebook.version(record.protocol_id)
    visit = visits[record.visit_id] if record.visit_id else None
    return FormPlace(casebook.patient, visit, version, version.rules.form(record.form), record.repeat)


def _note(
    each: Dependent,
    name: str,
    judged: Mapping[tuple[str, str], CheckFinding | None],
    open_now: OpenQueries,
    changes: QueryChanges,
    by: User,
) -> None:
    """Note the queries that open and close because the value with this name changed; `open_now` follows."""
    rules = each.place.rules
    for key, finding in judged.items():
        if finding is not None and key not in open_now:
            text = _because("query.contradicts", name, rules, finding=_finding_text(finding, rules))
            open_now[key] = query_of_check(each.record, (key[0], "", "", key[1]), text, "", by)
            changes.opened.append(open_now[key])
        elif finding is None and key in open_now:
            changes.settled.append(closed(open_now.pop(key), _because("query.agrees", name, rules)))


def _finding_text(finding: CheckFinding, rules: FormRules) -> StoredText:
    if finding.check.startswith(CHECK):
        return question(finding, rules.form)
    return system_text(f"query.{finding.check}")


def _because(code: str, name: str, rules: FormRules, **parameters: Any) -> StoredText:
    """Return the sentence with the changed value: item and form, or a fact about the patient or the visit."""
    form, _dot, item = name.partition(".")
    protocol = rules.protocol
    if form == "logs":
        return system_text(f"{code}_log", form=_label(protocol.form(item).title.root), **parameters)
    if form in protocol.forms:
        label, title = protocol.item(name).label.root, protocol.form(form).title.root
        return system_text(code, item=_label(label), form=_label(title), **parameters)
    fact = f"fact.{item}" if form == "subject" else f"fact.{form}_{item}"
    return system_text(f"{code}_fact", fact=system_text(fact), **parameters)


def _label(templates: Mapping[str, str]) -> StoredText:
    return StoredText("protocol.label", templates)
