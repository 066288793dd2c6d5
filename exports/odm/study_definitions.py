"""The definitions of every version of a trial: events, forms, code lists and rules. One query, for the versions."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop, override

from exports.odm import captured, oids
from exports.odm.definitions import (
    CodeListDef,
    CodeListItem,
    FormDef,
    ItemDef,
    ItemGroupDef,
    MetaDataVersion,
    RuleDef,
    StudyEventDef,
)
from exports.odm.facts import FactForm, fact_forms
from exports.odm.form_versions import FormVersions
from patients.models import Query, Record
from protocol.checking.dictionary import missing_in_files
from protocol.document.design import UNSCHEDULED
from protocol.document.document import Protocol
from protocol.document.items import MissingCode
from protocol.values.labels import MISSING_WORDS
from trials.models import Trial

VISITS, PATIENTS = oids.fact_form("visits"), oids.fact_form("patients")
MISSING_CODES: tuple[MissingCode, ...] = ("ND", "UNK", "NA", "ASKU")
RECORD_LENGTH = 10_000


class StudyDefinitions:
    """The definitions of all versions by key, the oldest first, and what places a row among them."""

    def __init__(self, trial: Trial, *, sees_treatment: bool) -> None:
        versions = list(trial.versions.order_by("effective_from", "pk").defer("text"))
        if not versions and trial.awaited is not None:
            versions = [trial.awaited]
        self.trial = trial
        self.names = {version.pk: version.version for version in versions}
        self.effective = {version.version: version.effective_from for version in versions}
        self.forms = FormVersions((version.pk, version.rules) for version in versions)
        self.facts: list[FactForm] = fact_forms(trial, sees_treatment=sees_treatment)
        self.logs = {code for rules in self.forms.rules.values() for code in rules.logs}

    @cached_property
    def versions(self) -> Mapping[int, MetaDataVersion]:
        """Return the definitions of each version."""
        return {key: self._version(key, rules) for key, rules in self.forms.rules.items()}

    @cached_property
    def units(self) -> list[str]:
        """Return the units of all versions, in alphabetical order."""
        forms = [form for forms in self.forms.forms.values() for form in forms.values()]
        return sorted({unit for form in forms for unit in captured.units(form)})

    def version_for(self, preferred: int | None, event: str, form: str) -> int:
        """Return the key of the version under which a form at an event is written.

        It is the preferred one; if that does not know the form there, the newest one that does.
        """
        if preferred is not None and form in self._pairs.get(preferred, {}).get(event, ()):
            return preferred
        newest = (key for key, events in reversed(self._pairs.items()) if form in events.get(event, ()))
        return next(newest, preferred if preferred is not None else next(iter(self._pairs)))

    @cached_property
    def _pairs(self) -> dict[int, dict[str, Mapping[str, bool]]]:
        return {key: {event.oid: event.forms for event in each.events} for key, each in self.versions.items()}

    def _version(self, key: int, rules: Protocol) -> MetaDataVersion:
        events, retired = self._events(key, rules)
        forms = {each.definition.oid: each.definition for each in self.facts}
        own = self.forms.forms[key]
        for code, form in own.items():
            made = captured.form_of(form, repeating=code in self.logs)
            forms[made.oid] = FormDef(
                made.oid, made.name, made.title, (*made.groups, self._record_group), made.repeating
            )
            if code not in rules.forms:
                retired.add(made.oid)
        found = [rule for form in own.values() for rule in captured.rules(form)]
        methods = [
            RuleDef(oids.definition(name), name, expression) for name, expression in rules.definitions.items()
        ]
        lists = [*_own_lists(), *(each for form in own.values() for each in captured.code_lists(form))]
        lists += [each for form in self.facts for each in form.code_lists]
        return MetaDataVersion(
            oids.version(rules.trial.version),
            f"{rules.trial.short_title} {rules.trial.version}",
            dict((rules.amendment.summary if rules.amendment else rules.trial.title).root),
            tuple(events),
            forms,
            {each.oid: each for each in lists},
            (*methods, *(rule for kind, rule in found if kind == "method")),
            tuple(rule for kind, rule in found if kind == "condition"),
            frozenset(retired),
        )

    @cached_property
    def _record_group(self) -> ItemGroupDef:
        return ItemGroupDef(oids.RECORD_GROUP, "record", {"en": "The form itself"}, tuple(_record_items()))

    def _events(self, key: int, rules: Protocol) -> tuple[list[StudyEventDef], set[str]]:
        """Return the events of a version, those of earlier versions last, and the OIDs of these."""
        found = {event.oid: event for event in self._own_events(rules)}
        retired = set[str]()
        for before in self.forms.earlier(key):
            for event in self._own_events(before):
                known = found.get(event.oid)
                if known is None:
                    retired.add(event.oid)
                    known = StudyEventDef(event.oid, event.name, event.title, event.kind, {}, event.repeating)
                forms = dict(known.forms)
                for form in event.forms:
                    forms.setdefault(form, False)
                found[event.oid] = StudyEventDef(
                    known.oid, known.name, known.title, known.kind, forms, known.repeating
                )
        return list(found.values()), retired

    def _own_events(self, rules: Protocol) -> Iterator[StudyEventDef]:
        facts = {form.oid: form.oid == PATIENTS for form in self.facts if form.oid != VISITS}
        yield StudyEventDef(oids.STUDY_EVENT, "study", {"en": "The patient in the study"}, "Common", facts)
        for visit in rules.visits:
            forms = {VISITS: True}
            for entry in visit.forms:
                forms[oids.form(entry.form)] = entry.when == "required" and entry.after_infusion is None
            yield StudyEventDef(
                oids.visit(visit.code), visit.code, dict(visit.title.root), "Scheduled", forms
            )
        offered = {VISITS: True, **{oids.form(entry.form): False for entry in rules.unscheduled.forms}}
        title = {"en": "Unscheduled visit"}
        yield StudyEventDef(
            oids.visit(UNSCHEDULED), UNSCHEDULED, title, "Unscheduled", offered, repeating=True
        )
        if rules.logs:
            logs = {oids.form(code): False for code in rules.logs}
            yield StudyEventDef(oids.LOGS_EVENT, "logs", {"en": "Logs"}, "Common", logs)


def _record_items() -> Iterator[ItemDef]:
    """Yield the items of the group that every captured form has."""
    texts = {
        "status": ("Status of the form", oids.RECORD_STATES, 12),
        "protocol_version": ("Protocol version it was captured under", "", 40),
        "struck_out_reason": ("Entered in error because", "", RECORD_LENGTH),
    }
    for name, (label, listed, length) in texts.items():
        oid = oids.record_item(name)
        yield ItemDef(oid, name, "text", {"en": label}, length, code_list=listed)
    moments = {
        "created_at": "First saved at (UTC)",
        "completed_at": "Completed at (UTC)",
        "verified_at": "Verified against the source at (UTC)",
        "frozen_at": "Frozen at (UTC)",
        "locked_at": "Locked at (UTC)",
    }
    for name, label in moments.items():
        yield ItemDef(oids.record_item(name), name, "datetime", {"en": label})


def _own_lists() -> Iterator[CodeListDef]:
    """Yield the code lists that every version has."""
    yield _listed(oids.YES_NO, "NY", [("Y", gettext_noop("Yes")), ("N", gettext_noop("No"))])
    missing = [(missing_in_files(code), MISSING_WORDS[code]) for code in MISSING_CODES]
    yield _listed(oids.MISSING, "missing", missing)
    flags = {
        "MISSING": "Why a value is missing",
        "QUERY_STATE": "Status of a query",
        "QUERY_ORIGIN": "Who raised a query",
    }
    yield CodeListDef(
        oids.FLAG_TYPES, "flag_type", tuple(CodeListItem(code, {"en": text}) for code, text in flags.items())
    )
    yield _listed(oids.QUERY_STATES, "query_state", Query.State.choices)
    yield _listed(oids.QUERY_ORIGINS, "query_origin", Query.Origin.choices)
    yield _listed(oids.RECORD_STATES, "record_state", Record.State.choices)


def _listed(oid: str, name: str, choices: Iterable[tuple[str, str | Promise]]) -> CodeListDef:
    codes = []
    for code, words in choices:
        decode = {}
        for language, _name in settings.LANGUAGES:
            with override(language):
                # Words that are lazy are translated here; plain ones are messages in English.
                decode[language] = str(words) if isinstance(words, Promise) else gettext(words)
        codes.append(CodeListItem(code, decode))
    return CodeListDef(oid, name, tuple(codes))
