"""Records for paper: every item with value and unit, its changes, queries and signatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from audit.models import Signature
from audit.signatures import SignatureState, verify_many
from audit.system_texts import actor_words
from exports.paper.audience import Audience
from exports.paper.marks import PaperMarks
from patients.casebook.facts import Fact
from patients.casebook.form_content import ReadLine, sections
from patients.casebook.form_history import ChangedValue, FormAct, FormHistory
from patients.casebook.form_versions import forms_in, item_in, lines_not_in_form
from patients.casebook.item_history import role_words
from patients.casebook.row_words import cell_label
from patients.models import Patient, Query, QueryMessage, Record
from patients.participation.treatment.arm_knowledge import known_words
from protocol.document.items import Form, Item
from protocol.values.labels import file_words
from protocol.values.parsing import display
from protocol.values.reference_ranges import Readings

Part = dict[str, Any]
FLAGS = {"low": "↓", "high": "↑", "": ""}


@dataclass(frozen=True)
class RecordContext:
    """Data shown with the records of one patient, by record."""

    histories: Mapping[int, FormHistory]
    readings: Mapping[int, Readings]
    queries: Mapping[int | None, list[Query]]
    signatures: Mapping[tuple[str, int], list[Part]]
    marks: Mapping[int, PaperMarks]


def form_part(record: Record, context: RecordContext, audience: Audience) -> Part:
    """Return one record."""
    form = audience.rules(record.protocol_id).form(record.form)
    history, marks = (
        context.histories.get(record.pk, FormHistory()),
        context.marks.get(record.pk, PaperMarks()),
    )
    past = history.changed
    groups = [
        {
            "title": section.title,
            "rows": [
                _row(line, past, [form], audience) | {"verified": marks.covers(line.name)}
                for line in section.lines
            ],
        }
        for section in sections(
            form, record.values, audience.language, readings=context.readings.get(record.pk)
        )
    ]
    if removed := _removed(record, form, past, audience):
        groups.append({"title": _("Items that this version no longer asks for"), "rows": removed})
    return {
        "title": form.title.in_language(audience.language),
        "code": form.code,
        "state": str(record.get_state_display()),
        "facts": _facts(record, history, marks, audience),
        "struck": record.struck_out_reason,
        "changed": len(past),
        "groups": groups,
        "queries": [
            query_part(query, form, record.values, audience) for query in context.queries.get(record.pk, [])
        ],
        "signatures": context.signatures.get(("patients.record", record.pk), []),
    }


def _facts(
    record: Record, history: FormHistory, marks: PaperMarks, audience: Audience
) -> list[tuple[str, str]]:
    """Return who entered, completed and changed the record, its marks and lock, and its protocol version."""
    changed = history.last if history.last not in (history.entered, history.completed) else None
    facts = [
        (_("First saved"), _act_words(history.entered, audience)),
        (pgettext("when", "Completed"), _act_words(history.completed, audience)),
        (_("Last changed"), _act_words(changed, audience)),
        (pgettext("when", "Verified"), marks.verified if record.verified_at else ""),
        (_("Reviewed"), marks.reviewed),
        (pgettext("when", "Locked"), audience.instant(record.locked_at)),
        (_("Protocol version"), audience.rules(record.protocol_id).trial.version),
    ]
    return [(label, words) for label, words in facts if words]


def _act_words(act: FormAct | None, audience: Audience) -> str:
    return ", ".join((audience.instant(act.at), act.who, role_words(act.role))).rstrip(", ") if act else ""


def _row(line: ReadLine, past: Mapping[str, ChangedValue], forms: Sequence[Form], audience: Audience) -> Part:
    """Return one item. `forms` are the versions of its form that may define it, the best first."""
    changed = past.get(line.name)
    row: Part = {
        "label": line.label,
        "value": " ".join(part for part in (line.words, FLAGS[line.flag]) if part),
        "note": line.reference,
        "missing": line.missing,
        "calculated": line.calculated,
    }
    if line.file is not None and audience.sees_files:
        row |= {
            "value": f"{line.file['name']} ({file_words(line.file, audience.language)})",
            "note": f"SHA-256 {line.file['sha256']}",
        }
    elif line.file is not None:
        row["value"] = _("Attached file")
    if line.columns:
        row["columns"] = list(line.columns)
        row["table"] = [[f"{text} {FLAGS[flag]}".strip() for text, flag in cells] for cells in line.rows]
    if changed is not None:
        row["past"] = past_part(changed, _original(changed, item_in(forms, line.name), audience), audience)
    return row


def _original(changed: ChangedValue, item: Item | None, audience: Audience) -> str:
    if item is None:
        return str(changed.original or "")
    if item.type == "file" and changed.original and not audience.sees_files:
        return _("Attached file")
    return display(changed.original, item, audience.language, _)


def _removed(record: Record, form: Form, past: Mapping[str, ChangedValue], audience: Audience) -> list[Part]:
    """Return values of items that this version of the form lacks, labelled by the version that has them."""
    if all(name in form for name in record.values):
        return []
    before = forms_in(audience.versions, form.code)
    lines = lines_not_in_form(form, record.values, before, audience.language)
    shown_names = {line.name for line in lines}
    unknown = [
        ReadLine(name, name, str(value))
        for name, value in record.values.items()
        if name not in form and name not in shown_names
    ]
    return [_row(line, past, before, audience) for line in (*lines, *unknown)]


def past_part(changed: ChangedValue, original: str, audience: Audience) -> Part:
    """Return the first value of a changed item, and its last change."""
    return {
        "original": original or _("blank"),
        "times": changed.times,
        "last": f"{audience.instant(changed.at)}, {changed.who}",
        "reason": changed.reason,
    }


def query_part(query: Query, form: Form | None, values: Mapping[str, Any], audience: Audience) -> Part:
    """Return one query with its thread; `query.thread` holds the messages. values: those of its record."""
    name = query.item.partition(".")[0]
    item = form.item(name) if form and name in form else None
    label = item.label.in_language(audience.language) if item else query.item
    if query.row:
        label = cell_label(item, values, query, audience.language)
    return {"item": label, **_thread_part(query, audience)}


def fact_part(query: Query, fact: Fact, audience: Audience) -> Part:
    """Return one query on a fact of another row, with its thread."""
    return {"item": fact.words, **_thread_part(query, audience)}


def _thread_part(query: Query, audience: Audience) -> Part:
    automatic = query.origin == Query.Origin.CHECK
    thread = [
        {
            "when": audience.instant(message.at),
            "who": f"{message.author.full_name}, {role_words(message.author_role)}",
            "text": message.text,
        }
        for message in query.thread[_repeats(query) :]  # type: ignore[attr-defined]
    ]
    return {
        "state": str(query.get_state_display()),
        "origin": f"{query.get_origin_display()} {query.check_id}".strip(),
        "opened": audience.instant(query.opened_at),
        "by": _("Automatic check") if automatic else query.opened_by.full_name,
        "text": query.text,
        "thread": thread,
        "closed": audience.instant(query.closed_at),
        "because": query.closed_because,
    }


def _repeats(query: Query) -> int:
    """Return 1 if the first message of the thread only repeats the question, else 0."""
    thread = query.thread  # type: ignore[attr-defined]
    return int(bool(thread) and thread[0].text == query.text and thread[0].author_id == query.opened_by_id)


def queries_of(patient_ids: Sequence[int]) -> dict[int | None, list[Query]]:
    """Return the queries by record, with their threads; under None those about other rows. Two queries."""
    rows = list(Query.objects.filter(patient_id__in=patient_ids).select_related("opened_by"))
    messages_by_query: dict[int, list[QueryMessage]] = {query.pk: [] for query in rows}
    messages = QueryMessage.objects.filter(query__patient_id__in=patient_ids).select_related("author")
    for message in messages.order_by("pk"):
        messages_by_query[message.query_id].append(message)
    found: dict[int | None, list[Query]] = {}
    for query in sorted(rows, key=lambda each: each.pk):
        query.thread = messages_by_query[query.pk]
        found.setdefault(query.record_id, []).append(query)
    return found


def signatures_of(
    patient: Patient, audience: Audience, hidden: Sequence[str]
) -> list[tuple[Signature, Part]]:
    """Return the signatures of a patient with their verification, oldest first. One query per signed model."""
    rows = Signature.objects.filter(patient_id=patient.pk).exclude(target_type__in=hidden)
    found = []
    for signature, state in verify_many(list(rows.order_by("pk"))):
        at = signature.at_site
        found.append(
            (
                signature,
                {
                    "name": f"{signature.printed_name} ({signature.signer_name})",
                    "role": role_words(signature.role),
                    "when": f"{audience.instant(signature.signed_at)}",
                    "zone": f"{at.tzinfo}",
                    "meaning": str(signature.get_meaning_display()),
                    "statement": signature.statement,
                    "language": signature.language[:2],
                    "valid": state == SignatureState.VALID,
                    "standing": " · ".join(
                        filter(
                            None,
                            [
                                str(state.label),
                                known_words(patient, signature.signer_id, signature.signed_at),
                            ],
                        )
                    ),
                    "invalidated": _invalidated(signature, audience),
                },
            )
        )
    return found


def _invalidated(signature: Signature, audience: Audience) -> str:
    if signature.invalidated_at is None:
        return ""
    text = (
        audience.instant(signature.invalidated_at),
        actor_words(signature.invalidated_by),
        str(signature.invalidated_reason),
    )
    return ", ".join(part for part in text if part)
