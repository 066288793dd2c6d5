"""The page of the edit checks of one protocol version."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import django_filters
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from patients.casebook.form_versions import item_in
from patients.queries.filters import ANY
from protocol.checking.check_digests import check_digest
from protocol.document.document import Protocol
from reports.edit_checks.tested import CheckTest, TestedChecks, tested_checks
from trials.access import TrialRequest, trial_page
from trials.listing import Column
from trials.listing.computed import ComputedListing
from trials.models import ProtocolVersion
from trials.permissions import Permission as P
from trials.reader import in_english, reader_language

SEVERITIES: dict[str, tuple[str | Promise, str]] = {
    "hard": (gettext_lazy("Hard: the form cannot be completed"), "late"),
    "soft": (gettext_lazy("Soft: asks for a reason or opens a query"), "due"),
    "notice": (gettext_lazy("Notice: told while typing"), "none"),
}
OUTCOMES: dict[str, tuple[str | Promise, str]] = {
    "passed": (gettext_lazy("Passed"), "done"),
    "failed": (gettext_lazy("Failed"), "late"),
    "skipped": (gettext_lazy("Skipped"), "draft"),
}
UNKNOWN, UNTESTED = "unknown", "untested"
RESULTS: dict[str, str | Promise] = {
    **{code: words for code, (words, _tone) in OUTCOMES.items()},
    UNTESTED: gettext_lazy("no test"),
    UNKNOWN: gettext_lazy("not in the pack as it stands here"),
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One edit check as the page shows it. tests: None if the pack does not know the check as it stands here."""

    id: str
    form_code: str
    form: str
    item: str
    severity_code: str
    severity: str | Promise
    tone: str
    wording: str
    tests: list[tuple[CheckTest, str | Promise, str]] | None

    @property
    def results(self) -> list[str]:
        """Return the codes of the results: those of its tests, or that there is none."""
        if self.tests is None:
            return [UNKNOWN]
        return [test.outcome for test, _words, _tone in self.tests] or [UNTESTED]


class CheckFilter(django_filters.FilterSet):
    """Filters of the page. They filter lines, not a queryset."""

    form_code = django_filters.ChoiceFilter(label=gettext_lazy("Form"), empty_label=ANY)
    severity = django_filters.ChoiceFilter(
        label=pgettext_lazy("of an edit check", "Severity"),
        choices=[(code, words) for code, (words, _tone) in SEVERITIES.items()],
        empty_label=ANY,
    )
    result = django_filters.ChoiceFilter(
        label=gettext_lazy("Last result"), choices=list(RESULTS.items()), empty_label=ANY
    )
    text = django_filters.CharFilter(label=gettext_lazy("Check, item or wording"), max_length=100)

    class Meta:
        model = ProtocolVersion
        fields: list[str] = []

    def __init__(self, *args: Any, lines: list[CheckLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # In the order of the protocol file.
        self.filters["form_code"].extra["choices"] = list(
            {line.form_code: line.form for line in lines}.items()
        )


def that_pass(
    *, form_code: str = "", severity: str = "", result: str = "", text: str = ""
) -> Callable[[CheckLine], bool]:
    """Return the condition of the filters; upper and lower case of the text are the same."""
    searched = text.casefold()

    def keep(line: CheckLine) -> bool:
        return (
            (not form_code or line.form_code == form_code)
            and (not severity or line.severity_code == severity)
            and (not result or result in line.results)
            and any(searched in words.casefold() for words in (line.id, line.item, line.wording))
        )

    return keep


def _severity_tag(line: CheckLine) -> SafeString:
    return format_html('<span class="tag tone-{}">{}</span>', line.tone, line.severity)


def _tests_text(line: CheckLine) -> SafeString:
    if not line.tests:
        (code,) = line.results
        return format_html('<span class="tag tone-late text-wrap">{}</span>', RESULTS[code])
    return format_html_join(
        "",
        '<div><span class="tag tone-{}">{}</span> <span class="tiny text-break" translate="no">{}</span>'
        ' <span class="tiny quiet">{}</span></div>',
        ((tone, words, test.test, _cases(test.cases)) for test, words, tone in line.tests),
    )


def _cases(number: int) -> str:
    return ngettext("%(number)s case", "%(number)s cases", number) % {"number": number}


COLUMNS = (
    Column(name="check", label=gettext_lazy("Check"), value=lambda line: line.id, css="code"),
    Column(name="form", label=gettext_lazy("Form"), value=lambda line: line.form_code, text=lambda line: line.form),
    Column(name="item", label=gettext_lazy("Item"), value=lambda line: line.item),
    Column(name="severity", label=pgettext_lazy("of an edit check", "Severity"), value=lambda line: line.severity_code,
           text=_severity_tag, decides=True),
    Column(name="wording", label=gettext_lazy("Wording"), value=lambda line: line.wording, free_text=True, css="wide"),
)  # fmt: skip
TESTS = Column(
    name="tests",
    label=gettext_lazy("Tests and last result"),
    css="wide",
    value=lambda line: "; ".join(
        [f"{test.test}: {test.outcome} ({test.cases})" for test, _words, _tone in line.tests or ()]
        or line.results
    ),
    text=_tests_text,
)


def check_lines(rules: Protocol, tested: TestedChecks | None) -> Iterator[CheckLine]:
    """Yield the edit checks of a protocol version in the order of its forms."""
    language = reader_language()
    for form in rules.forms.values():
        for check in form.checks:
            item, (severity, tone) = item_in([form], check.on), SEVERITIES[check.severity]
            known = tested.by_digest.get(check_digest(form, check)) if tested else None
            yield CheckLine(
                check.id,
                form.code,
                form.title.in_language(language),
                item.label.in_language(language) if item else check.on,
                check.severity,
                severity,
                tone,
                check.message.in_language(language),
                None
                if known is None
                else [(each, *OUTCOMES.get(each.outcome, (each.outcome, "none"))) for each in known],
            )


@trial_page(see=P.SEE_TRIAL)
def edit_checks(request: TrialRequest, version: str) -> HttpResponseBase:
    """List the edit checks of a protocol version with severity, wording, and the tests that hold each."""
    row = request.trial.versions.filter(version=version).first()
    if row is None:
        raise Http404
    tested, none = tested_checks(), ProtocolVersion.objects.none()
    made = partial(check_lines, row.rules, tested)
    lines = list(in_english(made) if request.GET.get("format") == "csv" else made())
    page = ComputedListing(
        request,
        queryset=none,
        columns=(*COLUMNS, TESTS) if tested else COLUMNS,
        sort="check",
        filterset=CheckFilter(request.GET, queryset=none, lines=lines),
        name="edit-checks",
        empty=_("This version has no edit checks."),
        every=lines,
        keep=that_pass,
        # All on one page: who reads the checks searches it.
        page_size=1000,
    )
    return page.response("reports/edit_checks.html", {"version": row.version, "tested": tested})
