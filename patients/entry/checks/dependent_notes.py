"""The queries that the checks of dependent forms open and close, each with its reason."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from accounts.models import User
from audit.stored_text import StoredText, system_text
from patients.casebook.dated_items import Key
from patients.casebook.edit_checks import CHECK
from patients.entry.checks.check_queries import QueryChanges, closed, query_of_check, question
from patients.models import Query, Record
from protocol.expressions.rules import FormRules
from protocol.values.parsing import CheckFinding

OpenQueries = dict[Key, Query]


class DependentNotes:
    """Notes in the changes of a save which queries open and close, and which are open meanwhile."""

    def __init__(self, changes: QueryChanges, by: User) -> None:
        self.changes, self.by = changes, by
        self.open_now: defaultdict[int, OpenQueries] = defaultdict(dict)
        """The queries of checks that are not closed, by the key of their form."""
        # Many rows of a log may ask the same.
        self.texts: dict[tuple[int, str, str], StoredText] = {}
        for query in changes.stored:
            if query.state != Query.State.CLOSED and query.record_id is not None:
                key = query.item, query.row, query.column, query.check_id
                self.open_now[query.record_id][key] = query

    def add(
        self, record: Record, rules: FormRules, name: str, checked: Mapping[Key, CheckFinding | None]
    ) -> None:
        """Note what opens and closes on a form because the value with this name changed."""
        open_here = self.open_now[record.id]
        for key, finding in checked.items():
            if finding is not None and key not in open_here:
                text = self._text(finding, name, rules)
                open_here[key] = query_of_check(record, key, text, "", self.by)
                self.changes.opened.append(open_here[key])
            elif finding is None and key in open_here:
                settled = closed(open_here.pop(key), because("query.agrees", name, rules))
                self.changes.settled.append(settled)

    def _text(self, finding: CheckFinding, name: str, rules: FormRules) -> StoredText:
        key = id(rules), name, finding.check
        if key not in self.texts:
            said = finding_text(finding, rules)
            self.texts[key] = because("query.contradicts", name, rules, finding=said)
        return self.texts[key]


def finding_text(finding: CheckFinding, rules: FormRules) -> StoredText:
    if finding.check.startswith(CHECK):
        return question(finding, rules.form)
    return system_text(f"query.{finding.check}")


def because(code: str, name: str, rules: FormRules, **parameters: Any) -> StoredText:
    """Return the sentence with the changed value: item and form, or a fact about the patient or the visit."""
    form, _dot, item = name.partition(".")
    protocol = rules.protocol
    if form == "logs":
        return system_text(f"{code}_log", form=label_text(protocol.form(item).title.root), **parameters)
    if form in protocol.forms:
        label, title = protocol.item(name).label.root, protocol.form(form).title.root
        return system_text(code, item=label_text(label), form=label_text(title), **parameters)
    fact = f"fact.{item}" if form == "subject" else f"fact.{form}_{item}"
    return system_text(f"{code}_fact", fact=system_text(fact), **parameters)


def label_text(templates: Mapping[str, str]) -> StoredText:
    return StoredText("protocol.label", templates)
