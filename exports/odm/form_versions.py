"""Forms of every version, each with the items that only earlier versions have: a record may still hold their values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocol.document.document import Protocol
from protocol.document.items import Form, Item


@dataclass(frozen=True)
class FormVersion:
    """A form in one version. items: by name, those of earlier versions last. retired: their paths. sections: the
    heading of each item in English."""

    form: Form
    items: Mapping[str, Item]
    retired: frozenset[str]
    sections: Mapping[str, str]


class FormVersions:
    """The forms of all versions of a trial, the oldest first, and the visits and forms that go together in each.

    A version has the forms, visits and pairs of both of the versions before it too: what was captured under them stays.
    """

    def __init__(self, versions: Iterable[tuple[int, Protocol]]) -> None:
        self.rules = dict(versions)
        self.forms: dict[int, dict[str, FormVersion]] = {}
        known: dict[str, FormVersion] = {}
        for key, rules in self.rules.items():
            own = {code: form_version(form, known.get(code)) for code, form in rules.forms.items()}
            known = {**own, **{code: each for code, each in known.items() if code not in own}}
            self.forms[key] = known

    def form(self, version: int, code: str) -> FormVersion | None:
        """Return a form in a version, or in the newest one that has it if this one does not know it."""
        found = self.forms.get(version, {}).get(code)
        if found is not None:
            return found
        return next((forms[code] for forms in reversed(self.forms.values()) if code in forms), None)

    def earlier(self, version: int) -> list[Protocol]:
        """Return the rules of the versions before one, the newest first."""
        keys = list(self.rules)
        return [self.rules[key] for key in reversed(keys[: keys.index(version)])]


def form_version(form: Form, before: FormVersion | None) -> FormVersion:
    """Return a form with the items, columns and codes of its versions before."""
    items = {item.name: item for item in form.items}
    retired = set[str]()
    for name, old in before.items.items() if before else ():
        if name not in items:
            items[name] = old
            retired |= {name, *(f"{name}.{column.name}" for column in old.columns)}
        else:
            items[name], gone = _with_earlier(items[name], old)
            retired |= {f"{name}.{column}" for column in gone}
    sections = {
        item.name: group.title.in_language("en")
        for group in form.groups
        if group.title
        for item in group.items
    }
    return FormVersion(form, items, frozenset(retired), sections)


def _with_earlier(item: Item, old: Item) -> tuple[Item, list[str]]:
    """Return an item with the codes and columns that only an earlier version has, and the names of these columns."""
    codes = {choice.code for choice in item.choices}
    choices = tuple(choice for choice in old.choices if choice.code not in codes) if codes else ()
    now, before = ({column.name: column for column in each.columns} for each in (item, old))
    gone = [name for name in before if name not in now] if now else []
    columns = tuple(
        _with_earlier(column, before[name])[0] if name in before else column for name, column in now.items()
    )
    if not choices and not gone and columns == item.columns:
        return item, []
    update = {
        "choices": (*item.choices, *choices),
        "columns": (*columns, *(before[name] for name in gone)),
    }
    made = item.model_copy(update=update)
    # A copy takes along what the original has computed from the old codes and columns.
    for computed in ("codes", "_choice_by_code", "_column_by_name"):
        made.__dict__.pop(computed, None)
    return made, gone
