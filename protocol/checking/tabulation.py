"""Checks of the keys `sdtm` and `cdisc`: where the answers go in the tabulation (SDTM IG 3.4)."""

from collections.abc import Iterator

from protocol.checking.shape import Problem
from protocol.document.document import Protocol
from protocol.document.items import MOMENT_TYPES, Form, Item
from protocol.document.tabulation import DOMAINS, EVENTS, FINDINGS, INTERVENTIONS, NOTHING, TargetKind

OF_ITS_CLASS = {
    TargetKind.FINDING: (FINDINGS, "a test code belongs to a domain of findings"),
    TargetKind.OCCURRENCE: (EVENTS | INTERVENTIONS, "a term belongs to a domain of events or interventions"),
    TargetKind.DONE: (FINDINGS, "only findings are not done"),
}


def tabulation_problems(protocol: Protocol) -> list[Problem]:
    """Return the mistakes in the keys `sdtm` of forms, items and columns."""
    return [problem for form in protocol.forms.values() for problem in _form(form)]


def _form(form: Form) -> Iterator[Problem]:
    path = f"forms.{form.code}"
    asked = (*form.items, *form.masked_items)
    if form.sdtm is not None and form.sdtm.date is not None:
        yield from _dated(f"{path}.sdtm.date", form.sdtm.date, asked)
    for item in asked:
        yield from _item(f"{path}.{item.name}.sdtm", form, item, asked)
        for column in item.columns:
            yield from _item(f"{path}.{item.name}.columns.{column.name}.sdtm", form, column, item.columns)


def _item(path: str, form: Form, item: Item, beside: tuple[Item, ...]) -> Iterator[Problem]:
    told = item.sdtm or NOTHING
    if len(told.stated) > 1:
        yield Problem(path, f"write one of {', '.join(told.stated)}")
        return
    if told.domain is not None and told.domain not in DOMAINS:
        yield Problem(f"{path}.domain", f"{told.domain!r} is none of {', '.join(sorted(DOMAINS))}")
        return
    found = form.target(item)
    allowed, sentence = OF_ITS_CLASS.get(found.kind, (DOMAINS, ""))
    if found.domain not in allowed and item.sdtm is not None and sentence:
        yield Problem(path, f"{sentence}, not to {found.domain or 'a form without cdisc_domain'}")
    if told.variable is not None and told.variable[:2] != found.domain and found.kind != TargetKind.SUBJECT:
        yield Problem(f"{path}.variable", f"{told.variable} is no variable of {found.domain}")
    if told.qualifier is not None and told.label is None:
        yield Problem(f"{path}.label", "is required: a qualifier has a label of at most 40 characters")
    if told.done and item.type != "yes_no":
        yield Problem(f"{path}.done", f"is for yes_no, this item is {item.type}")
    if told.date is not None:
        yield from _dated(f"{path}.date", told.date, beside)
    if told.of is not None and told.of not in {each.name for each in beside}:
        yield Problem(f"{path}.of", f"no item {told.of!r} beside this one")


def _dated(path: str, name: str, items: tuple[Item, ...]) -> Iterator[Problem]:
    if not any(item.name == name and item.type in MOMENT_TYPES for item in items):
        yield Problem(path, f"no date {name!r} in this form")
