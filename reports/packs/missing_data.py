"""Missing data: forms that visits ask for and nobody completed, and values that are marked as missing."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from patients.models import Record, Visit
from patients.participation.visit_status import required_of
from protocol.document.document import Protocol
from protocol.values.labels import is_missing
from reports.packs.contents import PackSection, PackTable, PackView, share


@dataclass
class _Count:
    """Forms of one kind: how many are required, and how many of them are complete or a draft."""

    required: int = 0
    complete: int = 0
    draft: int = 0

    def add(self, state: str | None) -> None:
        self.required += 1
        self.complete += state == Record.State.COMPLETE
        self.draft += state == Record.State.DRAFT


def missing_data(view: PackView) -> PackSection:
    """Return the completeness of the forms by form and by visit. Four queries."""
    by_form, by_visit = _counted(view)
    return PackSection(_("Missing data"), [_of_forms(view, by_form), _of_visits(view, by_visit)])


def _counted(view: PackView) -> tuple[dict[str, _Count], dict[str, _Count]]:
    by_form: dict[str, _Count] = defaultdict(_Count)
    by_visit: dict[str, _Count] = defaultdict(_Count)
    states: dict[int, dict[str, str]] = defaultdict(dict)
    known = Record.objects.filter(patient__trial=view.trial, visit__isnull=False).exclude(
        state=Record.State.STRUCK_OUT
    )
    for visit, form, state in known.order_by("visit_id", "form", "repeat").values_list(
        "visit_id", "form", "state"
    ):
        states[visit][form] = state
    patients = {row.pk: row for row in view.patients}
    held = Visit.objects.filter(patient__trial=view.trial, state=Visit.State.HELD)
    columns = ("pk", "patient_id", "protocol_id", "code", "held_on")
    for pk, patient, version, code, day in held.order_by("patient__number", "position", "number").values_list(
        *columns
    ):
        person = patients[patient]
        rules = view.versions[version or person.protocol_id]
        for form in sorted(required_of(person, rules, code, day)):
            state = states[pk].get(form)
            by_form[form].add(state)
            by_visit[code].add(state)
    return by_form, by_visit


def _cells(count: _Count) -> list[str]:
    begun = count.complete + count.draft
    return [
        str(count.required),
        share(count.complete, count.required),
        str(count.draft),
        str(count.required - begun),
    ]


def _of_forms(view: PackView, found: dict[str, _Count]) -> PackTable:
    marked = _marked(view)
    order = [code for code in view.rules.forms if code in found or code in marked]
    order += sorted((found.keys() | marked.keys()) - set(order))
    return PackTable(
        title=_("Forms"),
        how=_(
            "Required: forms that the protocol asks for at visits that were held, as far as consent and infusions "
            "given make them required. Marked as missing: answers of complete forms that say why they are missing."
        ),
        columns=[
            _("Form"),
            _("Required"),
            _("Complete"),
            _("Draft"),
            _("Not begun"),
            _("Answers marked as missing"),
        ],
        rows=[
            [_form_title(view, code), *_cells(found.get(code, _Count())), str(marked[code])] for code in order
        ],
        empty=_("No visit was held."),
    )


def _form_title(view: PackView, code: str) -> str:
    rules = next((rules for rules in (view.rules, *view.versions.values()) if code in rules.forms), None)
    return view.words(rules.form(code).title) if rules else code


def _marked(view: PackView) -> Counter[str]:
    """Return the number of answers marked as missing, by form. Reads only forms whose text says that it has any."""
    rows = Record.objects.filter(patient__trial=view.trial, state=Record.State.COMPLETE)
    rows = rows.alias(text=Cast("values", TextField())).filter(text__contains='"missing":')
    found: Counter[str] = Counter()
    for form, values in rows.order_by("pk").values_list("form", "values").iterator(chunk_size=500):
        found[form] += sum(is_missing(value) for value in values.values())
    return found


def _of_visits(view: PackView, found: dict[str, _Count]) -> PackTable:
    order = [visit.code for visit in view.rules.visits if visit.code in found]
    order += sorted(found.keys() - set(order))
    return PackTable(
        title=_("Forms by visit"),
        how=_("The same forms by the visit that asks for them, over all patients."),
        columns=[_("Visit"), _("Required"), _("Complete"), _("Draft"), _("Not begun")],
        rows=[[visit_title(view.rules, code, view.language), *_cells(found[code])] for code in order],
        empty=_("No visit was held."),
    )


def visit_title(rules: Protocol, code: str, language: str) -> str:
    """Return the code of a visit with its title; the code alone if the protocol has no such visit."""
    found = next((visit for visit in rules.visits if visit.code == code), None)
    return f"{code} · {found.title.in_language(language)}" if found else code
