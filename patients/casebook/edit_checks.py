"""Apply the rules of a form to its answers: skip logic, calculations, required items, limits and edit checks.

One implementation serves saving and the check while a person types (DAT-04). The result holds no text of one language,
so the page of a refused save shows the findings made under the lock, in the language of its reader.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from django.utils import timezone

from patients.casebook.birth_dates import birth_date_findings
from patients.casebook.casebook import Casebook, FormPlace
from patients.casebook.casebook_queries import parsed_values
from patients.models import Patient, Record
from patients.signals import ENDED_ON
from protocol.document.items import Form, Item, path
from protocol.expressions.kinds import BESIDE_FORMS
from protocol.expressions.rules import FormRules, ItemRules, Labels, Readers
from protocol.expressions.scope import Scope
from protocol.values.compared_dates import AFTER_DEATH, AFTER_END, BEFORE_CONSENT, DateFacts, date_findings
from protocol.values.parsing import CheckFinding, Value, is_answered, limit_findings
from protocol.values.refusals import gettext_noop
from protocol.values.row_ids import cells_of, row_id, with_cells

NEEDED = gettext_noop("Answer this, or choose why there is no value.")
NEEDED_VALUE = gettext_noop("Answer this.")
WAITS = gettext_noop("Whether this is asked depends on “%(needs)s”: answer that first.")
CHECK = "check:"
CONSENTS = ("subject.first_consent_at", "subject.consent_at")
NOT_ASKED, NEEDED_NOW = "not_asked", "needed"
MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class CheckedAnswers:
    """The answers to store, and the findings on them.

    values: answers without hidden items, with calculated ones.
    hidden: items whose condition is false. undecided: items whose condition the known answers do not decide.
    required: items that need an answer. unanswered: a finding for each path that needs one and has none.
    waiting_for: undecided items whose condition depends on a blank answer of another form.
    missing_inputs: by calculated item without a value, the labels of the blank answers it needs; empty if none is
    blank.
    """

    values: dict[str, Value]
    hidden: frozenset[str]
    undecided: frozenset[str]
    required: frozenset[str]
    waiting_for: frozenset[str]
    unanswered: tuple[CheckFinding, ...]
    findings: tuple[CheckFinding, ...]
    missing_inputs: Mapping[str, Labels]

    @property
    def blocking_findings(self) -> tuple[CheckFinding, ...]:
        """Return the findings that block completion of the form; they do not block a draft."""
        return (*self.unanswered, *(finding for finding in self.findings if finding.severity == "hard"))

    @property
    def soft(self) -> tuple[CheckFinding, ...]:
        """Return the findings on unusual values: they are saved, and each raises a query."""
        return tuple(finding for finding in self.findings if finding.severity == "soft")


def checked(casebook: Casebook, place: FormPlace, values: Mapping[str, Value]) -> CheckedAnswers:
    """Check the answers of a form; its rules may also read other forms of the casebook."""
    found = check_answers(place.form, place.rules, casebook.scope(place, values))
    form_of_age = (place.protocol.rules.profile.age or "").partition(".")[0]
    more = [*dated_findings(casebook, place, found.values)] if place.form.answers_dates(found.values) else []
    if place.form.code == form_of_age:
        more += birth_date_findings(casebook, place, found.values)
    return replace(found, findings=(*found.findings, *more)) if more else found


def dated_findings(
    casebook: Casebook, place: FormPlace, values: Mapping[str, Value]
) -> tuple[CheckFinding, ...]:
    """Return the findings on dates that contradict the death, the end of study, the consent or the clock. No query.

    A check of the protocol file on the same item that reads the same fact says it in its own words instead.
    """
    return date_findings(place.form, values, date_facts(casebook, place), compared_items(place))


def compared_items(place: FormPlace) -> Mapping[str, Collection[str]]:
    """Return by check of dates the items that a check of the protocol file compares with the same fact."""
    readers, died_on = place.rules.readers, place.protocol.rules.profile.died_on or ""
    names = {AFTER_DEATH: (died_on,), AFTER_END: (ENDED_ON,), BEFORE_CONSENT: CONSENTS}
    return {
        check: {each.on for name in read if name in readers for each in readers[name].checks.values()}
        for check, read in names.items()
        if not readers.keys().isdisjoint(read)
    }


def date_facts(casebook: Casebook, place: FormPlace) -> DateFacts:
    """Return the facts with which the dates of a form are compared. No query."""
    patient, died = casebook.patient, None
    ended = patient.ended_on if patient.end_reason != Patient.EndReason.DEATH else None
    # The form that holds the death also says how and when the site learned of it.
    if not place.date_of_death:
        died = _captured_death(casebook, place)
        if died is None and patient.end_reason == Patient.EndReason.DEATH and patient.ended_on:
            died = patient.ended_on.isoformat()
    consents = casebook.consents if place.form.samples or place.form.procedure else ()
    consent, zone = consents[0].given if consents else None, place.protocol.rules.trial.site.time_zone
    return DateFacts(died=died, ended=ended, consent=consent, now=timezone.now(), zone=zone)


def _captured_death(casebook: Casebook, place: FormPlace) -> str | None:
    """Return the date of death that a form holds; of several the one stored last."""
    form, _dot, item = (place.protocol.rules.profile.died_on or "").partition(".")
    for record in reversed(casebook.records):
        in_force = record.form == form and record.state != Record.State.STRUCK_OUT
        if in_force and isinstance(day := parsed_values(record).get(item), str):
            return day
    return None


def check_answers(form: Form, rules: FormRules, scope: Scope) -> CheckedAnswers:
    """Check the answers in `scope.form_values`."""
    values, hidden = _values_and_hidden(form, rules, dict(scope.form_values), scope)
    scope = scope.with_values(values)
    shown, required = rules.shown(scope), rules.required(scope)
    undecided = frozenset(item.name for item in form.items) - shown - hidden
    waiting = {
        item.name: needs
        for item in form.items
        if item.name in undecided and (needs := _blank_conditions(item, rules, scope))
    }
    return CheckedAnswers(
        values=values,
        hidden=hidden,
        undecided=undecided,
        required=required,
        waiting_for=frozenset(waiting),
        unanswered=(*_unanswered(form, rules, scope, required), *_waiting(waiting, rules)),
        findings=tuple(_findings(form, rules, scope)),
        missing_inputs={
            item.name: rules.labels(rules.missing_inputs(item.name, scope))
            for item in form.items
            if item.is_calculated and item.name not in values
        },
    )


def _values_and_hidden(
    form: Form, rules: FormRules, values: dict[str, Value], scope: Scope
) -> tuple[dict[str, Value], frozenset[str]]:
    """Return the values and the hidden items. Repeated, because hiding an item may hide others that depend on it."""
    hidden: frozenset[str] = frozenset()
    for _round in range(MOST_ROUNDS):
        values = rules.with_calculated(scope.with_values(values))
        if form.tables:
            values = {
                name: _row_values(form.item(name), rules, value, scope, values)
                for name, value in values.items()
            }
        hidden = rules.ruled_out(scope.with_values(values))
        shown_values = {
            name: value for name, value in values.items() if name not in hidden and is_answered(value)
        }
        if len(shown_values) == len(values):
            break
        values = shown_values
    return values, hidden


def _row_values(
    item: Item, rules: FormRules, value: Value, scope: Scope, values: Mapping[str, Value]
) -> Value:
    if item.type != "rows" or not isinstance(value, list):
        return value
    row_rules = rules.row(item.name)
    settled = ((row, _row(row_rules, cells_of(row), scope, values)) for row in value)
    return [with_cells(row, cells) for row, cells in settled if cells]


def _row(
    rules: ItemRules, cells: Mapping[str, Value], scope: Scope, values: Mapping[str, Value]
) -> dict[str, Value]:
    names = {item.name for item in rules.items}
    seen = scope.with_values({**values, **cells})
    whole = rules.with_calculated(seen)
    seen = scope.with_values(whole)
    return {
        name: value
        for name, value in whole.items()
        if name in names
        and (name in cells or _is_calculated(rules, name))
        and not rules.is_ruled_out(name, seen)
    }


def _is_calculated(rules: ItemRules, name: str) -> bool:
    return any(item.name == name and item.is_calculated for item in rules.items)


def _unanswered(
    form: Form, rules: FormRules, scope: Scope, required: frozenset[str]
) -> Iterator[CheckFinding]:
    for item in form.items:
        value = scope.form_values.get(item.name)
        if item.name in required and not is_answered(value):
            yield _needed(item.name, item)
        if item.type == "rows" and isinstance(value, list):
            row_rules = rules.row(item.name)
            for cells in value:
                needed = row_rules.required(scope.with_values({**scope.form_values, **cells}))
                for column in item.columns:
                    if column.name in needed and not is_answered(cells.get(column.name)):
                        yield _needed(path(item.name, row_id(cells), column.name), column)


def _blank_conditions(item: Item, rules: FormRules, scope: Scope) -> tuple[str, ...]:
    """Return the blank answers of other forms on which the condition of an undecided item depends.

    An item of the same form is not counted, because it is required itself; neither is one marked as missing, because
    it will stay so.
    """
    if item.is_calculated:
        return ()
    elsewhere = (name for name in rules.waits_for(item.name, scope) if "." in name)
    forms = (name for name in elsewhere if name.partition(".")[0] not in BESIDE_FORMS)
    return tuple(name for name in forms if not is_answered(scope.get(name)))


def _waiting(waiting: Mapping[str, tuple[str, ...]], rules: FormRules) -> Iterator[CheckFinding]:
    for name, needs in waiting.items():
        yield CheckFinding(name, "waits", "hard", WAITS, {"needs": rules.labels(needs)})


def _needed(where: str, item: Item) -> CheckFinding:
    return CheckFinding(where, "needed", "hard", NEEDED if item.missing else NEEDED_VALUE)


def _findings(form: Form, rules: FormRules, scope: Scope) -> Iterator[CheckFinding]:
    for item in form.items:
        value = scope.form_values.get(item.name)
        if item.type == "rows" and isinstance(value, list):
            for cells in value:
                for column in item.columns:
                    where = path(item.name, row_id(cells), column.name)
                    yield from limit_findings(cells.get(column.name), column, where)
        elif value is not None:
            yield from limit_findings(value, item)
    for check in rules.fired(scope):
        yield CheckFinding(check.on, f"{CHECK}{check.id}", check.severity, check.message)


def contradictions(
    rules: FormRules, readers: Readers, scope: Scope
) -> dict[tuple[str, str], CheckFinding | None]:
    """Judge the answers of a complete form by some of its rules: those that read a value changed elsewhere.

    Return by (item, check) the finding, or None if there is none any more. Besides checks, an answer to what is not
    asked any more (`not_asked`) and a blank where an answer is needed now (`needed`) are findings. Notices are not.
    """
    found: dict[tuple[str, str], CheckFinding | None] = {}
    for check in readers.checks.values():
        if check.severity != "notice":
            name, fires = f"{CHECK}{check.id}", rules.is_violated(check, scope)
            # Most checks do not fire: a finding is made for those that do.
            found[check.on, name] = (
                CheckFinding(check.on, name, check.severity, check.message) if fires else None
            )
    required = rules.required(scope) if readers.items else frozenset()
    for item in readers.items:
        has_answer = is_answered(scope.form_values.get(item))
        is_contradicted = has_answer and rules.is_ruled_out(item, scope)
        found[item, NOT_ASKED] = CheckFinding(item, NOT_ASKED, "soft", "") if is_contradicted else None
        is_missing = item in required and not has_answer
        found[item, NEEDED_NOW] = CheckFinding(item, NEEDED_NOW, "soft", "") if is_missing else None
    return found


def inputs_of(finding: CheckFinding, rules: FormRules) -> frozenset[str]:
    """Return the items of the form that a finding depends on: its own, and those that its check reads.

    A finding on a cell depends on that cell, not on the other rows of its table.
    """
    names = {finding.item}
    for check in rules.form.checks:
        if finding.check == f"{CHECK}{check.id}":
            names.update(rules.inputs(check))
    return frozenset(names)
