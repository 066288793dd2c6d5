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
    """Return a form with the items of its versions before."""
    items = {item.name: item for item in form.items}
    retired = set[str]()
    for name, old in before.items.items() if before else ():
        if name not in items:
            items[name] = old
            retired |= {name, *(f"{name}.{column.name}" for column in old.columns)}
        elif old.columns and items[name].columns:
            have = {column.name for column in items[name].columns}
            gone = tuple(column for column in old.columns if column.name not in have)
            if gone:
                items[name] = items[name].model_copy(update={"columns": (*items[name].columns, *gone)})
                retired |= {f"{name}.{column.name}" for column in gone}
    sections = {
        item.name: group.title.in_language("en") for group in form.groups if group.title for item in group.items
    }
    return FormVersion(form, items, frozenset(retired), sections)
