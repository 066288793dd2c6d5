"""The form of an own question, and the names that its condition may use."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.participation.forms import StepForm
from protocol.document.items import Form, Item
from protocol.expressions.compiled import ExpressionError, Kind
from protocol.expressions.kinds import ItemKind
from protocol.expressions.question_names import AskedCondition, asked_condition, asked_items, question_names
from protocol.values.labels import unit_words
from reports.own_questions.course import COLUMNS as COURSE_COLUMNS
from reports.own_questions.keeping import QuestionFacts
from reports.own_questions.visible import masks
from trials.access import Access
from trials.reader import reader_language

LONGEST = 2000
KINDS = {
    Kind.LOGIC: gettext_lazy("true or false"),
    Kind.NUMBER: gettext_lazy("number"),
    Kind.TEXT: gettext_lazy("text"),
    Kind.TIME: gettext_lazy("time of day"),
    Kind.DAY: gettext_lazy("date"),
    Kind.INSTANT: gettext_lazy("date and time"),
    Kind.CODES: gettext_lazy("list of codes"),
    Kind.ROWS: gettext_lazy("rows"),
    Kind.LIST: gettext_lazy("list"),
}


class QuestionForm(StepForm):
    """Name, condition, columns, item of its queries, and who is offered it."""

    keeps_draft = False
    name = forms.CharField(label=gettext_lazy("Name of the question"), max_length=80)
    condition = forms.CharField(
        label=gettext_lazy("Condition"),
        max_length=LONGEST,
        widget=forms.Textarea(
            attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off", "class": "code"}
        ),
        help_text=gettext_lazy(
            "In the language of the edit checks: spo2 < 90.0 && visit.code == 'D7'. "
            "Of the rows of a log: !logs.medication.exists(row, row.name.contains('exameth'))"
        ),
    )
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("Columns"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Without any, the items of the condition are shown."),
    )
    item = forms.ChoiceField(label=gettext_lazy("Queries are raised on"), required=False)
    shared = forms.BooleanField(label=gettext_lazy("Share it with all members of the trial"), required=False)
    on_home = forms.BooleanField(label=gettext_lazy("Count it on the home page"), required=False)

    def __init__(self, *args: Any, access: Access, asked_form: Form, **kwargs: Any) -> None:
        self.access, self.asked_form = access, asked_form
        self.compiled: AskedCondition | None = None
        super().__init__(*args, trial=access.trial, **kwargs)

    def add_fields(self, zone: str) -> None:
        """Offer the items of the form; masked ones to who may know the treatment, and none of them for queries."""
        language = reader_language()
        items = asked_items(self.asked_form, masked=masks(self.access))
        labels = [(item.name, item.label.in_language(language)) for item in items]
        beside = [(each.name, str(each.label)) for each in COURSE_COLUMNS]
        self.fields["columns"].choices = [*labels, *beside]  # type: ignore[attr-defined]
        own = [(item.name, item.label.in_language(language)) for item in self.asked_form.items]
        self.fields["item"].choices = [("", _("Chosen each time")), *own]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Return the name without surrounding blanks."""
        return str(self.cleaned_data["name"]).strip()

    def clean_condition(self) -> str:
        """Return the condition; refuse a mistake with its place."""
        source = str(self.cleaned_data["condition"]).replace("\r\n", "\n").strip()
        try:
            self.compiled = asked_condition(
                self.access.trial.rules, self.asked_form, source, masked=masks(self.access)
            )
        except ExpressionError as mistake:
            told = {"column": mistake.column, "mistake": mistake.message}
            raise ValidationError(_("Character %(column)s: %(mistake)s.") % told) from mistake
        return source

    @property
    def facts_of_question(self) -> QuestionFacts:
        """Return the choices. The form must be valid."""
        cleaned = self.cleaned_data
        masked = {item.name for item in self.asked_form.masked_items}
        reads = self.compiled is not None and self.compiled.restricted
        return QuestionFacts(
            name=cleaned["name"],
            form=self.asked_form.code,
            condition=cleaned["condition"],
            columns=list(dict.fromkeys(cleaned["columns"])),
            item=cleaned["item"],
            shared=cleaned["shared"],
            on_home=cleaned["on_home"],
            restricted=reads or not masked.isdisjoint(cleaned["columns"]),
        )


@dataclass(frozen=True, slots=True)
class OfferedName:
    """A name of a condition. kind: what it holds, with the unit of a number.

    codes: the only texts of it; of rows the names of their columns.
    """

    name: str
    label: str
    kind: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferedNames:
    """The names of the form itself, those beside the forms, and those of the other forms by title."""

    own: list[OfferedName]
    beside: list[OfferedName]
    others: list[tuple[str, list[OfferedName]]]


def offered_names(access: Access, form: Form) -> OfferedNames:
    """Return the names that a condition on a form may use, for this reader."""
    rules, language, masked = access.trial.rules, reader_language(), masks(access)
    names = question_names(rules, form, masked=masked)
    of_forms = {code: asked_items(each, masked=masked) for code, each in rules.forms.items()}
    of_items = {f"{code}.{item.name}" for code, items in of_forms.items() for item in items}
    own = list(_of_items(of_forms[form.code], names, ""))
    known = {each.name for each in own}
    beside = [
        OfferedName(name, "", str(KINDS[kind.kind]), kind.codes or tuple(kind.columns or ()))
        for name, kind in names.items()
        if name not in of_items and name not in known
    ]
    others = [
        (rules.form(code).title.in_language(language), list(_of_items(items, names, f"{code}.")))
        for code, items in of_forms.items()
        if code != form.code
    ]
    return OfferedNames(own, beside, others)


def _of_items(items: tuple[Item, ...], names: Any, prefix: str) -> Iterator[OfferedName]:
    language = reader_language()
    for item in items:
        kind: ItemKind = names[f"{prefix}{item.name}"]
        unit = unit_words(item.unit or "", _) if item.is_numeric else ""
        words = f"{KINDS[kind.kind]}, {unit}" if unit else str(KINDS[kind.kind])
        codes = tuple(kind.codes or ())
        yield OfferedName(f"{prefix}{item.name}", item.label.in_language(language), words, codes)
