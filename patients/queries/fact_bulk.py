"""One question about the same fact of several rows, such as the causality of ten adverse events."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from patients.casebook.facts import Fact, FactKind, refuse_to_ask
from patients.models import Patient, QueryRow
from patients.participation.lifecycle import lock_patients
from patients.queries.bulk import add_messages, refuse_too_many
from patients.queries.threads import message_text


def query_refusals(facts: Sequence[Fact]) -> dict[int, str]:
    """Return the messages why no query can be raised, by key of the row. One query, whatever the number of facts.

    The facts are of one kind and have one name.
    """
    open_now: set[int] = set()
    if facts:
        log = facts[0].kind.queries
        of_kind = log.objects.filter(
            target=facts[0].kind.target, item=facts[0].item, state__in=log.OPEN_STATES
        )
        open_now = set(
            of_kind.filter(target_id__in=[fact.row.pk for fact in facts]).values_list("target_id", flat=True)
        )
    found = {fact.row.pk: _refusal(fact, open_now) for fact in facts}
    return {key: why for key, why in found.items() if why}


def _refusal(fact: Fact, open_now: set[int]) -> str:
    try:
        refuse_to_ask(fact)
    except ValidationError as refused:
        return " ".join(refused.messages)
    return _("A query on this item is open already.") if fact.row.pk in open_now else ""


@transaction.atomic
def raise_fact_queries(
    *, kind: FactKind, keys: Iterable[int], item: str, text: str, origin: str, by: User, role: str, batch: str
) -> list[QueryRow]:
    """Raise a query with the same text on one fact of several rows, as `patients.queries.bulk.raise_queries` does.

    Raises ValidationError for an empty text, no row or more than AT_ONCE.
    """
    words, chosen = message_text(text), list(dict.fromkeys(keys))
    log: Any = kind.queries
    if not chosen:
        raise ValidationError(_("Nothing is chosen. Tick rows in the listing first."))
    refuse_too_many(len(chosen))
    of_patients = [Fact(kind, row, item).patient.pk for row in kind.rows(chosen)]
    lock_patients(Patient.objects.filter(pk__in=of_patients))
    # Looked up under the locks, so that the second of two clicks finds the queries of the first.
    if already := list(log.objects.filter(opened_by=by, batch=batch)):
        return already
    facts = [Fact(kind, row, item) for row in kind.rows(chosen)]
    left_out = query_refusals(facts)
    rows = log.objects.bulk_create(
        log(
            patient=fact.patient,
            **fact.place,
            origin=origin,
            state=log.State.OPEN,
            text=words,
            opened_by=by,
            batch=batch,
        )
        for fact in facts
        if fact.row.pk not in left_out
    )
    add_messages(rows, words, by=by, role=role)
    return list(rows)
