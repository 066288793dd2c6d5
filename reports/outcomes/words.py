"""Words of the outcomes: measures, figures, and what an undetermined answer lacks, in the reader's language."""

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from outcomes.answers import CENSORED, COMPETING, EVENT, MissingValue
from outcomes.lines import OutcomeFigure
from patients.participation.eligibility_decisions.eligibility_data import input_words
from protocol.document.document import Protocol
from protocol.document.outcomes import INCLUDED, INFUSED
from trials.reader import reader_language, shown_number

POPULATIONS: dict[str, str | Promise] = {
    INCLUDED: gettext_lazy("All included patients"),
    INFUSED: gettext_lazy("All patients with an infusion"),
}
TYPES: dict[str, str | Promise] = {
    "primary": gettext_lazy("Primary"),
    "secondary": gettext_lazy("Secondary"),
    "exploratory": gettext_lazy("Exploratory"),
}
FIGURES: dict[str, str | Promise] = {
    "proportion": gettext_lazy("%(value)s %% (%(low)s to %(high)s %%)"),
    "rate": gettext_lazy("%(value)s per 100 patient-days (%(low)s to %(high)s)"),
    "mean": gettext_lazy("mean %(value)s (%(low)s to %(high)s), standard deviation %(spread)s"),
    "median": gettext_lazy("median %(value)s (quartiles %(low)s and %(high)s)"),
    "median_time": gettext_lazy("median %(value)s days (%(low)s to %(high)s)"),
    "share": gettext_lazy("without event at the end of the window: %(value)s %% (%(low)s to %(high)s %%)"),
    "incidence": gettext_lazy(
        "with the event at the end of the window: %(value)s %% (%(low)s to %(high)s %%)"
    ),
}
LIMITLESS: dict[str, str | Promise] = {
    "proportion": gettext_lazy("%(value)s %%, without limits"),
    "rate": gettext_lazy("%(value)s per 100 patient-days, without limits"),
    "mean": gettext_lazy("mean %(value)s, without limits"),
    "median": gettext_lazy("median %(value)s, without quartiles"),
    "median_time": gettext_lazy("median %(value)s days, without limits"),
    "share": gettext_lazy("without event at the end of the window: %(value)s %%, without limits"),
    "incidence": gettext_lazy("with the event at the end of the window: %(value)s %%, without limits"),
}
NOBODY = gettext_lazy("No patient has a known answer.")
NOT_OBSERVED = gettext_lazy("Nobody without the event was observed to the end of the window.")
WITHOUT_VALUE: dict[str, str | Promise] = {
    "proportion": NOBODY,
    "mean": NOBODY,
    "median": NOBODY,
    "rate": gettext_lazy("No patient-day of observation is known."),
    "share": NOT_OBSERVED,
    "incidence": NOT_OBSERVED,
    "median_time": gettext_lazy("The median is not reached."),
}
PER_CENT = frozenset({"proportion", "share", "incidence"})
ENDS: dict[int, str | Promise] = {
    CENSORED: gettext_lazy("Observed without the event to this day"),
    EVENT: gettext_lazy("Event on this day"),
    COMPETING: gettext_lazy("Death before the event on this day"),
}
OF_EVENT: dict[str, str | Promise] = {
    "event.onset": gettext_lazy("Adverse event: day of the onset"),
    "event.related": gettext_lazy("Adverse event: causality"),
    "event.expected": gettext_lazy("Adverse event: expectedness, judged by drug safety"),
    "event.aesi": gettext_lazy("Adverse event: special interest"),
    "event.grade": gettext_lazy("Adverse event: grade"),
}
OF_SUBJECT: dict[str, str | Promise] = {
    "infusion_1": gettext_lazy("First infusion"),
    "subject.first_infusion_at": gettext_lazy("First infusion"),
    "subject.first_infusion_on": gettext_lazy("First infusion"),
    "subject.group": gettext_lazy("Group of the patient"),
}


def population_title(rules: Protocol, code: str) -> str:
    """Return the name of a population."""
    known = rules.populations.get(code)
    return known.title.in_language(reader_language()) if known else str(POPULATIONS[code])


def figure_words(figure: OutcomeFigure) -> str:
    """Return a figure with its limits as a sentence part; one limit that the data do not give is a dash."""
    estimate, worded = figure.estimate, percent_words if figure.kind in PER_CENT else number_words
    if estimate.value is None:
        return str(WITHOUT_VALUE[figure.kind])
    parts = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "spread": figure.spread}
    words = LIMITLESS if estimate.low is None and estimate.high is None else FIGURES
    return str(words[figure.kind]) % {name: worded(value) for name, value in parts.items()}


def method_words(method: str) -> str:
    """Return the name of a statistical method, or why a figure is missing, which `outcomes.statistics` marks."""
    return _(method)


def number_words(value: float | None, digits: int = 1) -> str:
    """Return a number rounded to some decimals in the reader's language, a dash for none; small ones with two more."""
    if value is None:
        return "–"
    places = digits if value == 0 or abs(value) >= 1 else digits + 2
    return str(shown_number(f"{value:.{places}f}"))


def percent_words(share: float | None) -> str:
    """Return a share of 0 to 1, or a difference of shares, as per cent with one decimal; a dash for none."""
    return "–" if share is None else str(shown_number(f"{100 * share:.1f}"))


def p_words(p: float) -> str:
    """Return a p value as journals print it."""
    return _("p < 0.001") if p < 0.001 else _("p = %(p)s") % {"p": shown_number(f"{p:.3f}")}


def missing_words(rules: Protocol, missing: Iterable[MissingValue]) -> list[str]:
    """Return the missing values: the form and the item, and the visit where there is one; each once."""
    return list(dict.fromkeys(_missing(rules, each) for each in missing))


def _missing(rules: Protocol, each: MissingValue) -> str:
    label = _label(rules, each.name)
    if not each.visit:
        return label
    title = rules.visit(each.visit).title.in_language(reader_language())
    return _("%(visit)s: %(item)s") % {"visit": title, "item": label}


def _label(rules: Protocol, name: str) -> str:
    path = name.rpartition("(")[2].removesuffix(")")
    profile = rules.profile
    path = {"subject.died_on": profile.died_on, "subject.last_contact_on": profile.last_contact_on}.get(
        path
    ) or path
    if path in OF_EVENT or path in OF_SUBJECT:
        return str(OF_EVENT.get(path) or OF_SUBJECT[path])
    head, _dot, rest = path.partition(".")
    path = rest if head in ("visits", "logs") else path
    form, dot, item = path.partition(".")
    language = reader_language()
    if form in rules.forms and not dot:
        return rules.form(form).title.in_language(language)
    if form in rules.forms and item in rules.form(form):
        labels = rules.form(form).title, rules.item(path).label
        return ": ".join(label.in_language(language) for label in labels)
    return input_words(rules, name)


def events_words(certain: int, undetermined: int) -> str:
    """Return how many events count, and how many may count."""
    counted = ngettext("%(count)d event", "%(count)d events", certain) % {"count": certain}
    if not undetermined:
        return counted
    return _("%(events)s, %(open)d undetermined") % {"events": counted, "open": undetermined}
