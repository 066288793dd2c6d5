"""All release results of a lot on one form, each beside its limit (CEL-05)."""

from collections.abc import Callable
from datetime import date
from typing import Any

from crispy_forms.layout import Div, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.models import LotResult
from dosing.stock.lot_release import release
from dosing.stock.lot_release.specification import ResultRefused, finding
from dosing.stock.stock_forms import StockForm
from dosing.versioned_forms import LineField
from protocol.document.product import ReleaseTest
from trials.date_fields import DayField
from trials.reader import reader_language, shown_day

VALUE, DAY, PENDING = "value_", "reported_on_", "pending_"


class LotResultsForm(StockForm):
    """The results of the release tests of a lot. row: the lot. A test without an answer keeps the result it has."""

    def add_fields(self, zone: str) -> None:
        product = release.product_of(self.row)
        self.tests = product.tests if product else ()
        newest = release.newest_results(self.row) if self.tests else {}
        self.fields["reported_on"] = DayField(
            label=gettext_lazy("Reported on"), required=False, zone=zone,
            help_text=gettext_lazy("The day of every result below that has no day of its own."),
        )  # fmt: skip
        for test in self.tests:
            self.fields[VALUE + test.code] = LineField(
                label=_title(test), max_length=100, required=False,
                help_text=self._compared(test, newest.get(test.code)),
            )  # fmt: skip
            self.fields[DAY + test.code] = DayField(
                label=gettext_lazy("Another day"), required=False, zone=zone, help_text=""
            )
            self.fields[PENDING + test.code] = forms.BooleanField(
                label=gettext_lazy("Awaited"), required=False
            )
        self.fields["note"] = LineField(label=gettext_lazy("Note"), required=False)

    def _compared(self, test: ReleaseTest, known: LotResult | None) -> str:
        """Return how the typed result compares with the limit, or else the result that holds."""
        typed = self.data.get(VALUE + test.code, "").strip() if self.is_bound else ""
        if typed:
            try:
                return str(LotResult.Finding(finding(test, typed)).label)
            except ResultRefused:
                return ""
        if known is None:
            return ""
        if not known.value:
            return str(known.get_finding_display())
        told = {"value": known.value, "finding": known.get_finding_display()}
        return _("%(value)s, %(finding)s, %(day)s") % {**told, "day": shown_day(known.reported_on)}

    def layout(self) -> Layout:
        """Return one line for each test: result, day, awaited."""
        lines = [
            Div(
                Div(self.layout_of(VALUE + test.code), css_class="col-12 col-sm-6"),
                Div(self.layout_of(DAY + test.code), css_class="col-6 col-sm-3"),
                Div(self.layout_of(PENDING + test.code), css_class="col-6 col-sm-3 align-self-center"),
                css_class="row",
            )
            for test in self.tests
        ]
        return Layout(self.layout_of("reported_on"), *lines, self.layout_of("note"))

    def clean(self) -> dict[str, Any]:
        """Refuse a result that is awaited and there at once."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        for test in self.tests:
            if found.get(PENDING + test.code) and found.get(VALUE + test.code):
                self.add_error(VALUE + test.code, _("A result that is awaited has no value yet."))
        return found

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        found = self.cleaned_data
        results = [
            release.NewResult(test=test.code, value=found[VALUE + test.code], reported_on=self._day(test))
            for test in self.tests
            if found[VALUE + test.code] or found[PENDING + test.code]
        ]
        return release.record_results, {"lot": self.row, "results": results, "note": found["note"]}

    def _day(self, test: ReleaseTest) -> date | None:
        day: date | None = self.cleaned_data[DAY + test.code] or self.cleaned_data["reported_on"]
        return day

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error to its field; one about the common day once, beside that day."""
        if field is not None and field.startswith(DAY) and not self.data.get(field, "").strip():
            common = self.data.get("reported_on", "").strip()
            field = "reported_on" if common else field
            if common and self.has_error(field):
                return
        super().add_error(field, error)


def _title(test: ReleaseTest) -> str:
    title = test.title.in_language(reader_language())
    return f"{title} ({test.limit})" if test.limit else title
