"""The database masks only what two persons decided, and changes no other text (AUD-12, PRV-02)."""

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from audit.models import MaskedCell
from audit.redactions.masked_text import only_masks
from audit.redactions.redaction import MASK
from audit.trail import history_model
from safety.models import AdverseEvent
from tests.audit.redactions.conftest import NARRATIVE, asked, confirmed, objections, past, sealed

pytestmark = pytest.mark.django_db


class TestTheDatabase:
    """AUD-06, AUD-12: the guard of a history lets nothing through but what two persons decided."""

    def change(self, event, text: str, column: str = "description") -> None:
        table = history_model(AdverseEvent)._meta.db_table
        with transaction.atomic(), acting(system="test"), connection.cursor() as cursor:
            cursor.execute(f'UPDATE "{table}" SET "{column}" = %s WHERE id = %s', [text, event.pk])

    def test_no_history_changes_before_the_decision(self, event, people):
        row = asked(event, people[0])
        with acting(user=people[0], role="data_manager"):
            MaskedCell.objects.bulk_create(
                [self.cell(event, row, f"The daughter of {MASK}")] if connection.vendor == "sqlite" else []
            )
        with pytest.raises(DatabaseError, match="only be added to"):
            self.change(event, f"The daughter of {MASK}")

    def test_no_history_changes_to_anything_else_after_it(self, event, people):
        confirmed(asked(event, people[0]), people[1])
        with pytest.raises(DatabaseError, match="only be added to"):
            self.change(event, "Nothing happened")
        with pytest.raises(DatabaseError, match="only be added to"):
            self.change(event, "Headache", column="term")

    def test_what_was_masked_cannot_be_changed_back_or_deleted(self, event, people):
        confirmed(asked(event, people[0]), people[1])
        with pytest.raises(DatabaseError, match="only be added to"):
            self.change(event, NARRATIVE)
        for refused in (MaskedCell.objects.all().delete, lambda: MaskedCell.objects.update(masked="x")):
            with pytest.raises(DatabaseError), transaction.atomic(), acting(system="test"):
                refused()

    def test_a_forged_cell_is_found(self, event, people):
        """AUD-07: a cell whose redaction nobody confirmed explains nothing."""
        sealed()
        row = asked(event, people[0])
        with acting(system="test"):
            if connection.vendor == "sqlite":
                MaskedCell.objects.bulk_create([self.cell(event, row, "Nothing")])
                assert any("without the decision" in each for each in objections())

    def cell(self, event, row, text: str) -> MaskedCell:
        return MaskedCell(
            redaction=row, at=row.asked_at, table=history_model(AdverseEvent)._meta.db_table,
            row=past(event)[0].history_id, column="description", masked=text,
        )  # fmt: skip


def write_masked(row, entry, text) -> None:
    """Store a cell of a redaction and its text by hand; on PostgreSQL the cell alone would do it."""
    table = entry._meta.db_table
    MaskedCell.objects.create(
        redaction=row, at=row.asked_at, table=table, row=entry.history_id, column="description", masked=text,
        leaf="0" * 64, masked_leaf="0" * 64,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" SET description = %s WHERE history_id = %s', [text, entry.history_id]
        )


@pytest.mark.parametrize(
    "forged",
    [
        "The daughter called; nobody has a fever",
        f"The daughter of {MASK} called; {MASK} has no fever",
        f"{MASK} and no more",
        NARRATIVE.upper(),
        f"{MASK}THE DAUGHTER{MASK}",
    ],
)
def test_a_forged_redaction_writes_no_other_text_into_a_history(event, people, forged):
    """AUD-01, AUD-12: not even whoever stores a decision of two persons and its cell by hand changes what is told."""
    sealed()
    row, entry = asked(event, people[0]), past(event)[0]
    with acting(user=people[1], role="data_manager", origin="web"):
        row.state, row.decided_by, row.decided_by_name = "confirmed", people[1].pk, "Forger"
        row.decided_at = row.asked_at
        row.save()
        with pytest.raises(DatabaseError), transaction.atomic():
            write_masked(row, entry, forged)
    assert past(event)[0].description == NARRATIVE


TEXTS = st.text(alphabet="ab%_*[\\é", max_size=5)


@given(pieces=st.lists(st.tuples(TEXTS, TEXTS), max_size=4), last=TEXTS)
def test_masking_any_pieces_of_a_text_differs_by_masks_alone(pieces, last):
    old = "".join(kept + hidden for kept, hidden in pieces) + last
    assert only_masks(old, "".join(kept + MASK for kept, _hidden in pieces) + last)


@given(old=st.text(alphabet="ab", max_size=6), new=st.text(alphabet="abc", max_size=6))
def test_a_text_without_a_mask_differs_by_nothing(old, new):
    assert only_masks(old, new) == (old == new)
    assert not only_masks(old, f"c{MASK}")
    assert not only_masks(old, f"{MASK}c")
