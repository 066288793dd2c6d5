"""The case report form on paper, blank or annotated, for one protocol version (BKP-02)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from exports.paper import labels
from exports.paper.audience import Audience
from exports.paper.casebook import trial_facts, trial_words
from exports.paper.conditions import in_words
from exports.paper.typesetting import Making, typeset
from exports.sdtm.annotations import annotation as sdtm_annotation
from protocol.document.design import VisitForm
from protocol.document.document import Protocol
from protocol.document.items import Form, Item, Limits
from protocol.values.labels import MISSING_WORDS, YES_NO_WORDS, unit_words
from protocol.values.writing import number_text
from trials.models import ProtocolVersion

EMPTY_ROWS = 6
Part = dict[str, Any]


def write_crf(
    *,
    audience: Audience,
    protocol: ProtocolVersion | None,
    annotated: bool,
    making: Making,
    out: Path,
) -> str:
    """Write the forms of a protocol version (None: the current one). Return the SHA-256 of the data."""
    version = protocol or audience.trial.protocol
    rules = version.rules if version else audience.trial.rules
    return typeset(
        template="crf",
        head=_head(audience, rules, annotated),
        parts=form_parts(rules, audience.language, annotated),
        making=making,
        out=out,
    )


def _head(audience: Audience, rules: Protocol, annotated: bool) -> Part:
    language = audience.language
    version = rules.trial.version
    title = _("Annotated case report form") if annotated else _("Blank case report form")
    words = {**labels.COMMON, **labels.CRF}
    facts = [*trial_facts(audience)[:-1], (_("Protocol version"), version)]
    return {
        "language": language.partition("-")[0],
        "title": title,
        "kind": _("Case report form"),
        "annotated": annotated,
        "trial": {**trial_words(audience), "version": version, "unblinded": ""},
        "facts": facts,
        "notes": [str(note) for note in (labels.ANNOTATED_NOTES if annotated else labels.BLANK_NOTES)],
        "words": {name: str(each) for name, each in words.items()},
        "schedule": schedule(rules, language),
    }


def schedule(rules: Protocol, language: str) -> Part:
    """Return the forms of each visit, required, required after an infusion or when available, and the logs."""
    visits = [(visit.code, {entry.form: _asked(entry) for entry in visit.forms}) for visit in rules.visits]
    signs = {"required": "●", "after_infusion": "(●)", "available": "○"}
    rows = [
        [
            form.title.in_language(language),
            *(signs.get(planned.get(code, ""), "") for _visit, planned in visits),
        ]
        for code, form in rules.forms.items()
        if any(code in planned for _visit, planned in visits)
    ]
    logs = [rules.form(code).title.in_language(language) for code in rules.logs]
    return {"visits": [code for code, _asked in visits], "rows": rows, "logs": logs}


def _asked(entry: VisitForm) -> str:
    if entry.when == "required" and entry.after_infusion is not None:
        return "after_infusion"
    return entry.when


def form_parts(rules: Protocol, language: str, annotated: bool) -> Iterator[Part]:
    """Yield the forms of a protocol version; annotated: with storage, limits, conditions and edit checks."""
    for code, form in rules.forms.items():
        visits = [visit.code for visit in rules.visits if code in visit.form_codes]
        yield {
            "title": form.title.in_language(language),
            "code": code,
            "domain": form.cdisc_domain or "",
            "log": code in rules.logs,
            "visits": visits,
            "groups": [
                {
                    "title": group.title.in_language(language) if group.title else "",
                    "items": [item_part(item, form, rules, language, annotated) for item in group.items],
                }
                for group in form.groups
            ],
            "checks": _checks(form, rules, language) if annotated else [],
        }


def _checks(form: Form, rules: Protocol, language: str) -> list[tuple[str, str, str]]:
    severities = {"hard": _("hard"), "soft": _("soft"), "notice": _("notice")}
    return [
        (
            f"{check.id} ({severities[check.severity]})",
            check.message.in_language(language),
            in_words(check.violated, rules, form, language),
        )
        for check in form.checks
    ]


def item_part(item: Item, form: Form, rules: Protocol, language: str, annotated: bool) -> Part:
    """Return one item as printed on paper, with its annotation if requested."""
    choices = [
        (
            code,
            _(YES_NO_WORDS[code]) if item.type == "yes_no" else item.choice(code).label.in_language(language),
        )
        for code in item.codes
    ]
    return {
        "label": item.label.in_language(language),
        "help": item.help.in_language(language) if item.help else "",
        "type": item.type,
        "unit": unit_words(item.unit, _) if item.unit else "",
        "choices": choices,
        "missing": [] if item.is_calculated else [(code, _(MISSING_WORDS[code])) for code in item.missing],
        "calculated": item.is_calculated,
        "when": in_words(item.shown_when, rules, form, language),
        "columns": [item_part(column, form, rules, language, annotated) for column in item.columns],
        "empty_rows": min(item.max_rows or EMPTY_ROWS, EMPTY_ROWS),
        "notes": annotation(item, form, rules, language) if annotated else [],
        "name": item.name,
        "cdisc": item.cdisc or "",
    }


def _limits(limits: Limits | None, language: str) -> str:
    if limits is None:
        return ""
    return " – ".join(number_text(f"{bound:f}", language) for bound in (limits.lowest, limits.highest))


def annotation(item: Item, form: Form, rules: Protocol, language: str) -> list[tuple[str, str]]:
    """Return the annotation of an item: storage, codes, limits and conditions."""
    facts = [
        (_("CDISC"), " ".join(part for part in (form.cdisc_domain, item.cdisc) if part)),
        (_("SDTM"), sdtm_annotation(form, item)[1]),
        (_("LOINC"), item.loinc or ""),
        (_("Type"), item.type.replace("_", " ")),
        (
            _("Units"),
            ", ".join([item.unit or "", *(each.unit for each in item.units)]) if item.units else item.unit,
        ),
        (_("Codes"), ", ".join(item.codes)),
        (_("Possible"), _limits(item.hard, language)),
        (_("Expected"), _limits(item.soft, language)),
        (_("Missing"), ", ".join(item.missing) if not item.is_calculated else ""),
        (_("Required"), _required(item, form, rules, language)),
        (_("Asked if"), in_words(item.shown_when, rules, form, language)),
        (_("Calculated"), in_words(item.calculate, rules, form, language)),
    ]
    return [(label, words) for label, words in facts if words]


def _required(item: Item, form: Form, rules: Protocol, language: str) -> str:
    if item.is_calculated:
        return ""
    if item.required_when:
        return _("if %(condition)s") % {"condition": in_words(item.required_when, rules, form, language)}
    return _("yes") if item.required else _("no")
