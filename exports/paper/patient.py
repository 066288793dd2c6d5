"""The casebook of one patient for paper: records, queries, signatures and all changes (P11-02)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from audit.trail_reading.change_labels import column_changes
from audit.trail_reading.row_titles import title_of_target
from audit.trail_reading.sources import hidden_signatures
from dosing.bedside.recorded import tables_of
from dosing.labels import dose_amount, infusion_facts, product_facts
from dosing.models import Infusion, Preparation
from exports.paper import original_entries
from exports.paper.audience import Audience
from exports.paper.captured import (
    Part,
    RecordContext,
    fact_part,
    form_part,
    past_part,
    queries_of,
    signatures_of,
)
from exports.paper.contacts import contact_parts
from exports.paper.deviations import deviation_parts
from exports.paper.marks import marks_of
from exports.paper.samples import sample_parts
from exports.paper.trail import trail_part
from patients.casebook.facts import facts_asked
from patients.casebook.form_history import ChangedValue, histories_of
from patients.casebook.range_flags import readings_of
from patients.models import Consent, EligibilityDecision, Patient, Record, Visit
from patients.models.visit_forms import forms_of, visit_title
from patients.participation.eligibility_decisions.eligibility_data import input_words, value_words
from protocol.values.reference_ranges import Readings
from safety.labels import CLASS_TITLES, Wording
from safety.models import AdverseEvent
from trials.models import ProtocolVersion

Facts = list[tuple[str, str]]


@dataclass
class PatientPaper:
    """One patient, limited to what the readers may know. Each table is read once."""

    patient: Patient
    audience: Audience

    def content(self) -> Part:
        """Return the data that the template prints."""
        self._read_all()
        return {
            "code": self.patient.code,
            "version": self.audience.rules(self.patient.protocol_id).trial.version,
            **_with_changes(self._facts(), self._past(Patient).get(self.patient.pk, [])),
            "consents": self._consents(),
            "decisions": [self._decision(row) for row in self.decisions],
            "plan": [self._planned(visit) for visit in self.visits],
            "visits": [
                part for visit in self.visits if (part := self._visit(visit))["forms"] or part["infusions"]
            ],
            "logs": self._logs(),
            "infusions": self._infusions_at.get(None, []),
            "events": self._events(),
            "queries": self._queries_on_facts(),
            "samples": sample_parts(self.patient, self.audience, self._past),
            "contacts": contact_parts(self.patient, self.audience, self._past),
            "deviations": deviation_parts(self.patient, self.audience, self._past),
            "signatures": [part for _signature, part in self.signatures],
            "trail": trail_part(self.patient.pk, self.audience),
            "counts": {
                "forms": len(self.records),
                "values": sum(len(record.values) for record in self.records),
                "changed": sum(len(history.changed) for history in self.record_context.histories.values()),
                "queries": sum(len(rows) for rows in self.record_context.queries.values()),
                "signatures": len(self.signatures),
            },
        }

    def _read_all(self) -> None:
        """Load the rows that trail and signatures refer to, so that the reader names them without further queries."""
        for _rows in (self.visits, self.records, self.decisions, self.infusions, self.events):
            pass

    def __post_init__(self) -> None:
        self.audience = self.audience.with_own_cache()

    def _rows(self, model: Any, *order: str) -> list[Any]:
        """Return the patient's rows of a model and make them known to the reader. One query."""
        rows = list(model.objects.filter(patient=self.patient).order_by(*order, "pk"))
        self.audience.reader.rows[model] = {row.pk: row for row in rows}
        return rows

    @cached_property
    def visits(self) -> list[Visit]:
        """Return the visits in protocol order."""
        return self._rows(Visit, "position", "number")

    @cached_property
    def records(self) -> list[Record]:
        """Return all records, including those struck out."""
        return self._rows(Record, "form", "repeat")

    @cached_property
    def decisions(self) -> list[EligibilityDecision]:
        """Return all eligibility decisions."""
        return self._rows(EligibilityDecision)

    @cached_property
    def infusions(self) -> list[Infusion]:
        """Return the infusions without their products."""
        return self._rows(Infusion, "number")

    @cached_property
    def events(self) -> list[AdverseEvent]:
        """Return the adverse events, including those entered in error."""
        return self._rows(AdverseEvent, "number")

    @cached_property
    def signatures(self) -> list[Any]:
        """Return the signatures, each with the title of what it signs."""
        audience = self.audience
        hidden = hidden_signatures(audience.may)
        found = signatures_of(self.patient, audience, hidden)
        for signature, part in found:
            part["of"] = title_of_target(signature.target_type, signature.target_id, audience.reader)
        return found

    @cached_property
    def record_context(self) -> RecordContext:
        """Return the data shown with the records."""
        by_target: dict[tuple[str, int], list[Part]] = {}
        for signature, part in self.signatures:
            by_target.setdefault((signature.target_type, signature.target_id), []).append(part)
        queries = queries_of([self.patient.pk])
        marks = marks_of(self.patient, self.audience)
        return RecordContext(histories_of(self.patient.pk), self._readings(), queries, by_target, marks)

    def _readings(self) -> dict[int, Readings]:
        """Return the reference-range readings by record, including records struck out. Two queries."""
        visits = {visit.pk: visit for visit in self.visits}
        for record in self.records:
            record.visit = visits.get(record.visit_id or 0)
            record.protocol = self.audience.reader.find(ProtocolVersion, record.protocol_id)
        return readings_of(self.audience.trial, self.records)

    def _queries_on_facts(self) -> list[Part]:
        rows = self.record_context.queries.get(None, [])
        facts = facts_asked(rows)
        return [fact_part(query, facts[query.pk], self.audience) for query in rows]

    def _signed(self, row: Any) -> list[Part]:
        return self.record_context.signatures.get((row._meta.label_lower, row.pk), [])

    def _facts(self) -> Facts:
        patient, day = self.patient, self.audience.day
        groups = {group.code: group.title for group in self.audience.rules(patient.protocol_id).groups}
        group = groups[patient.group].in_language(self.audience.language) if patient.group in groups else ""
        return _filled(
            (_("Status"), patient.get_state_display()),
            (_("Group"), f"{patient.group} · {group}" if group else patient.group),
            (_("Screened on"), day(patient.screened_on)),
            (_("Included on"), day(patient.enrolled_on)),
            (_("First infusion"), day(patient.first_infusion_on)),
            (_("Screen failure on"), day(patient.failed_on)),
            (_("Reason for screen failure"), patient.failure_reason),
            (_("End of study"), day(patient.ended_on)),
            (_("Reason for the end"), patient.get_end_reason_display()),
            (_("Note on the end"), patient.end_note),
            (_("Consent withdrawn for the treatment"), day(patient.treatment_withdrawn_on)),
            (_("Consent withdrawn for samples"), day(patient.samples_withdrawn_on)),
            (_("Consent withdrawn for follow-up"), day(patient.follow_up_withdrawn_on)),
            (_("Consent withdrawn for new data"), day(patient.data_withdrawn_on)),
            (_("Withdrawal in the patient's words"), patient.withdrawal_note),
            (pgettext("when", "Locked"), self.audience.instant(patient.locked_at)),
        )

    def _past(self, model: Any, *, at_once: bool = False) -> dict[int, list[Part]]:
        """Return by row the columns that changed since they were entered, as texts."""
        return {
            key: [self._column(model, name, each) for name, each in changed.items()]
            for key, changed in original_entries.of_columns(model, self.patient.pk, at_once=at_once).items()
        }

    def _column(self, model: Any, name: str, changed: ChangedValue) -> Part:
        """Return one changed column with its first value, worded as in the audit trail."""
        # An unsaved row with only this column, so that the wording is the trail's own.
        first = model(**{name: changed.original})
        by_code = {change.code: change for change in column_changes(model, None, first, self.audience.reader)}
        field = next(field for field in model._meta.concrete_fields if field.attname == name)
        words = by_code[field.name].new if field.name in by_code else ""
        return {
            "column": name,
            "label": str(field.verbose_name),
            **past_part(changed, words, self.audience),
        }

    def _consents(self) -> list[Part]:
        rows = Consent.objects.filter(patient=self.patient).select_related("recorded_by").order_by("given_at")
        changed = self._past(Consent, at_once=True)
        return [
            _with_changes(
                _filled(
                    (_("Given by"), row.get_type_display()),
                    (_("Version of the form"), row.version),
                    (_("Date and time"), self.audience.moment(row.given)),
                    (_("Capacity regained on"), self.audience.day(row.capacity_regained_on)),
                    (_("Obtained by"), row.obtained_by),
                    (_("Relation to the patient"), row.representative_relation),
                    (_("Entered in error because"), str(row.struck_out_reason)),
                    (_("Recorded"), f"{self.audience.instant(row.recorded_at)}, {row.recorded_by.full_name}"),
                ),
                changed.get(row.pk, []),
            )
            for row in rows
        ]

    def _decision(self, row: EligibilityDecision) -> Part:
        rules = self.audience.rules(row.protocol_id)
        texts = {criterion.id: criterion for criterion in rules.eligibility}
        return {
            "facts": _filled(
                (_("Conclusion"), row.get_conclusion_display()),
                (_("Group"), row.group),
                (_("Intended day of inclusion"), self.audience.day(row.inclusion_on)),
                (_("Decided"), self.audience.instant(row.decided_at)),
                (_("Protocol version"), rules.trial.version),
            ),
            "criteria": [self._criterion(stored, texts, rules) for stored in row.criteria],
            "signatures": self._signed(row),
        }

    def _criterion(self, stored: dict[str, Any], texts: dict[str, Any], rules: Any) -> Part:
        inclusion = stored["kind"] == "inclusion"
        results = {
            None: _("Undetermined"),
            True: _("Met") if inclusion else _("Absent"),
            False: _("Not met") if inclusion else _("Present"),
        }
        known = texts.get(stored["id"])
        inputs = [
            f"{input_words(rules, name)}: {value_words(rules, name, _as_judged(name, value))}"
            for name, value in stored["inputs"].items()
            if value is not None
        ]
        needs = [input_words(rules, name) for name in stored["needs"]]
        return {
            "id": stored["id"],
            "kind": _("Inclusion") if inclusion else _("Exclusion"),
            "text": known.text.in_language(self.audience.language) if known else "",
            "inputs": [*inputs, *([_("needs %(items)s") % {"items": ", ".join(needs)}] if needs else [])],
            "result": results[stored["allows"]],
        }

    def _planned(self, visit: Visit) -> Part:
        day = self.audience.day
        window = [day(visit.window_from), day(visit.window_to)]
        return {
            "visit": self._title(visit),
            "planned": day(visit.planned_on),
            "window": " – ".join(dict.fromkeys(part for part in window if part)),
            "held": day(visit.held_on),
            "state": str(visit.get_state_display()),
            "reason": visit.missed_reason or visit.reason,
        }

    def _title(self, visit: Visit) -> str:
        version = self.audience.reader.find(type(self.patient.protocol), self.patient.protocol_id)
        title = visit_title(version, visit, self.audience.language, _("Unscheduled visit"))
        return title if title == visit.key else f"{visit.key} · {title}"

    def _visit(self, visit: Visit) -> Part:
        version = self.audience.reader.find(type(self.patient.protocol), self.patient.protocol_id)
        order = {entry.form: number for number, entry in enumerate(forms_of(version, visit))}
        here = [record for record in self.records if record.visit_id == visit.pk]
        here.sort(key=lambda record: (order.get(record.form, len(order)), record.repeat))
        absent = [code for code in order if code not in {record.form for record in here}]
        rules = self.audience.rules(visit.protocol_id or self.patient.protocol_id)
        titles = [rules.form(code).title.in_language(self.audience.language) for code in absent]
        return {
            "title": self._title(visit),
            **_with_changes(
                _filled((_("Held on"), self.audience.day(visit.held_on)), (_("Not started"), ", ".join(titles))),
                self._visits_past.get(visit.pk, []),
            ),
            "forms": [form_part(record, self.record_context, self.audience) for record in here],
            "infusions": self._infusions_at.get(visit.pk, []),
        }  # fmt: skip

    @cached_property
    def _visits_past(self) -> dict[int, list[Part]]:
        return self._past(Visit)

    def _logs(self) -> list[Part]:
        return [
            form_part(record, self.record_context, self.audience) | {"repeat": record.repeat}
            for record in self.records
            if record.visit_id is None
        ]

    @cached_property
    def _infusions_at(self) -> dict[int | None, list[Part]]:
        """Return the infusions by visit."""
        products = self._products()
        changed = self._past(Infusion)
        bedside = tables_of(self.patient, self.infusions)
        found: dict[int | None, list[Part]] = {}
        for row in self.infusions:
            row.patient = self.patient
            facts = _filled((_("Planned on"), self.audience.day(row.planned_on)), *infusion_facts(row))
            found.setdefault(row.visit_id, []).append(
                {
                    "title": _("Infusion %(number)s") % {"number": row.number},
                    "state": str(row.get_state_display()),
                    "product": products.get(row.pk, {"facts": [], "past": []}),
                    **_with_changes(facts, changed.get(row.pk, [])),
                    "bedside": [asdict(table) for table in bedside[row.pk]],
                    "signatures": self._signed(row),
                }
            )
        return found

    def _products(self) -> dict[int, Part]:
        """Return the product of each infusion; empty for readers who may not know the treatment (CEL-18)."""
        if not self.audience.sees_treatment:
            return {}
        rows = Preparation.objects.filter(patient=self.patient).select_related("prepared_by")
        changed = self._past(Preparation)
        return {row.infusion_id: self._product(row, changed.get(row.pk, [])) for row in rows}

    def _product(self, row: Preparation, changed: Sequence[Part]) -> Part:
        dose = dose_amount(row)
        facts = _filled(
            *product_facts(row),
            (_("Dose per kg"), f"{dose} · {row.get_dose_finding_display()}" if dose else ""),
            (_("Prepared"), self.audience.instant(row.prepared_at)),
        )
        return _with_changes(facts, changed)

    def _events(self) -> list[Part]:
        wording = Wording(self.patient.protocol.rules)
        changed = self._past(AdverseEvent, at_once=True)
        found = []
        for event in self.events:
            event.patient = self.patient
            facts_of_event = wording.facts(event)
            facts = [
                (fact.label, str(event.grade) if fact.column == "grade" else fact.value)
                for fact in facts_of_event
            ]
            recorded = (_("Recorded"), self.audience.instant(event.created_at))
            labels = {fact.column: str(fact.label) for fact in facts_of_event if fact.column}
            kind = event.classification
            found.append(
                {
                    "title": f"AE {event.number} · {event.term}",
                    "state": f"{kind.value} · {CLASS_TITLES[kind]}",
                    **_with_changes(_filled(*facts, recorded), changed.get(event.pk, []), labels),
                    "signatures": self._signed(event),
                }
            )
        return found


def _as_judged(name: str, value: Any) -> Any:
    """Return a stored input in its original type: days of the subject are dates."""
    return date.fromisoformat(value) if name.startswith("subject.") and name.endswith("_on") else value


def _with_changes(facts: Facts, changes: Sequence[Part], labels: Mapping[str, str] | None = None) -> Part:
    """Return the facts, each with the change of its column, and separately the changes without a fact.

    labels: label of the fact by column, where it differs from the name of the column.
    """
    known = labels or {}
    of_label = {known.get(change["column"], change["label"]): change for change in changes}
    facts_with_changes = [(label, value, of_label.pop(label, None)) for label, value in facts]
    return {"facts": facts_with_changes, "past": list(of_label.values())}


def _filled(*facts: tuple[Any, Any]) -> Facts:
    """Return the non-empty facts as texts."""
    return [
        (str(label), strip_tags(value) if isinstance(value, SafeString) else str(value))
        for label, value in facts
        if value not in (None, "")
    ]
