"""Personal data in free text are masked by two persons, and the trail stays whole (AUD-12, PRV-02)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from audit.context import acting
from audit.models import AccessEvent, MaskedCell, Redaction, SealedPart, TrailIndexRow
from audit.redactions.redaction import MASK, free_texts, refuse_redaction, text_of
from audit.trail_index import building, finding
from audit.trail_reading.sources import Filter
from patients.models import Record
from safety.models import AdverseEvent
from tests.audit.redactions.conftest import (
    NAME,
    NARRATIVE,
    asked,
    confirmed,
    everything_stored,
    objections,
    past,
    sealed,
)
from tests.support import build

pytestmark = pytest.mark.django_db


def test_a_name_goes_from_the_row_its_history_and_the_whole_database(event, people):
    """AUD-12: the characters are destroyed, every time they occur, also after a change of the text."""
    one, other = people
    with acting(user=one, role="data_manager", reason="typo"):
        AdverseEvent.objects.filter(pk=event.pk).update(description=NARRATIVE + " since Monday")
    sealed()
    building.refresh()
    assert NAME in everything_stored()
    assert confirmed(asked(event, one), other) == 3
    event.refresh_from_db()
    assert event.description == f"The daughter of {MASK} called; {MASK} has a fever since Monday"
    assert [row.description for row in past(event)] == [
        f"The daughter of {MASK} called; {MASK} has a fever",
        f"The daughter of {MASK} called; {MASK} has a fever since Monday",
        f"The daughter of {MASK} called; {MASK} has a fever since Monday",
    ]
    assert NAME not in everything_stored()
    assert "Dupont" not in everything_stored()


def test_the_seals_still_verify_and_notice_any_other_change(event, people):
    """AUD-12, AUD-07: the hash of the sealed row stands for the text that is gone."""
    sealed()
    roots = list(SealedPart.objects.order_by("pk").values_list("root", flat=True))
    confirmed(asked(event, people[0]), people[1])
    assert objections() == []
    sealed()
    assert objections() == []
    assert list(SealedPart.objects.order_by("pk").values_list("root", flat=True))[: len(roots)] == roots


def test_the_trail_tells_who_asked_who_decided_and_why(event, people):
    """AUD-12: two rows of the redaction, and the change of the text with its reason."""
    confirmed(asked(event, people[0]), people[1])
    row = Redaction.objects.get()
    told = [(each.history_user_id, each.state, each.reason) for each in past(row)]
    assert told == [
        (people[0].pk, "asked", "A relative is named"), (people[1].pk, "confirmed", "A relative is named"),
    ]  # fmt: skip
    last = past(event)[-1]
    assert last.history_user_id == people[1].pk
    assert str(last.history_change_reason) == f"Personal data masked, as {people[0].full_name} asked"


def test_nobody_decides_alone(event, people):
    """AUD-12: the person who asked cannot decide, on no path."""
    row = asked(event, people[0])
    with pytest.raises(ValidationError, match="another person"):
        confirmed(row, people[0])
    with pytest.raises(DatabaseError), transaction.atomic(), acting(user=people[0], role="data_manager"):
        Redaction.objects.filter(pk=row.pk).update(
            state="confirmed", decided_by=people[0].pk, decided_at=row.asked_at
        )
    assert NAME in AdverseEvent.objects.get().description
    confirmed(row, people[1])
    with pytest.raises(ValidationError, match="decided on this already"):
        confirmed(row, people[1])


def test_a_refusal_leaves_the_text_with_its_reason(event, people):
    row = asked(event, people[0])
    with acting(user=people[1], role="investigator"):
        with pytest.raises(ValidationError, match="why the text stays"):
            refuse_redaction(redaction=row, reason=" ", by=people[1])
        refuse_redaction(redaction=row, reason="The name of the hospital", by=people[1])
    assert Redaction.objects.get().refusal == "The name of the hospital"
    assert NAME in AdverseEvent.objects.get().description
    assert not MaskedCell.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"text": "Jean Martin"}, "text"), ({"text": " "}, "text"), ({"reason": ""}, "reason"),
        ({"reason": f"It names {NAME}"}, "reason"), ({"place": "term."}, "text"), ({"place": "grade."}, "place"),
    ],
)  # fmt: skip
def test_what_cannot_be_masked_is_refused_beside_its_field(event, people, changed, field):
    with pytest.raises(ValidationError) as refused:
        asked(event, people[0], **changed)
    assert list(refused.value.error_dict) == [field]
    assert not Redaction.objects.exists()


def test_the_same_place_is_asked_about_once(event, people):
    asked(event, people[0])
    with pytest.raises(ValidationError, match="asked for this already"):
        asked(event, people[1])


def test_a_redaction_stores_where_the_text_stands_and_not_the_text(event, people):
    """PRV-02: until it is decided the text is read where it stands."""
    row = asked(event, people[0])
    assert text_of(row) == NAME
    assert NAME not in repr([vars(row), *(vars(each) for each in past(row))])
    confirmed(row, people[1])
    row.refresh_from_db()
    assert text_of(row) == MASK


def test_a_reason_is_masked_with_every_row_that_was_written_for_it(trial, people):
    """AUD-12: one step stores its reason with each row it writes."""
    patient = build.patient(trial=trial)
    with acting(user=people[0], role="data_manager", reason=f"As {NAME} asked", origin="web"):
        records = [
            Record.objects.create(
                patient=patient,
                protocol=trial.protocol,
                form="medication",
                repeat=number,
                state="draft",
                values={},
            )
            for number in (1, 2)
        ]
    assert NAME in str(past(records[1])[0].history_change_reason)
    assert confirmed(asked(records[0], people[0], place="history_change_reason."), people[1]) == 2
    assert [str(past(each)[0].history_change_reason) for each in records] == [f"As {MASK} asked"] * 2
    assert NAME not in everything_stored()
    assert objections() == []


def test_the_search_finds_the_name_no_more(event, people):
    """AUD-12: the index forgets its words, and keeps the others."""

    def found(text: str) -> set[int]:
        trail_filter = Filter(event.patient.trial_id, search=text)
        rights = set(TrailIndexRow.objects.values_list("see", flat=True))
        return {each.row for each in finding.find(trail_filter, may=rights, size=100)}

    building.refresh()
    assert found("dupont")
    confirmed(asked(event, people[0]), people[1])
    building.refresh()
    assert not found("dupont")
    assert found("daughter")


def test_two_redactions_of_one_row_both_verify(event, people):
    """AUD-12: the second begins with what the first one left."""
    confirmed(asked(event, people[0]), people[1])
    confirmed(asked(event, people[1], text="daughter", reason="A relative"), people[0])
    assert AdverseEvent.objects.get().description == f"The {MASK} of {MASK} called; {MASK} has a fever"
    assert objections() == []


def test_codes_and_numbers_are_no_free_text(event):
    """PRV-02: only texts in which people type are offered."""
    offered = {each.column for each in free_texts(AdverseEvent, past(event)[0])}
    assert {"term", "description"} <= offered
    assert not offered & {"onset", "grade", "save_key", "outcome", "history_user_name"}


def test_masking_is_no_access_event(event, people):
    """AUD-12: it is told by rows of the trail."""
    before = AccessEvent.objects.count()
    confirmed(asked(event, people[0]), people[1])
    assert AccessEvent.objects.count() == before
