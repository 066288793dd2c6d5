"""A form loses the name in its item, and so do the copies in marks, signatures, queries and drafts (AUD-12, PRV-02)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit import signatures
from audit.context import acting
from audit.models import Meaning
from audit.redactions.redaction import MASK, text_of
from patients.models import Draft, Mark, Query, Record
from patients.queries.threads import answer_query
from safety.models import EventDraft
from tests.audit.redactions.conftest import (
    NAME,
    asked,
    confirmed,
    everything_stored,
    objections,
    past,
    sealed,
)
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db


def query_on(record, text, by) -> Query:
    return Query.objects.create(
        patient=record.patient,
        record=record,
        item="drug",
        origin="data_manager",
        state="open",
        text=text,
        opened_by=by,
    )


class TestAForm:
    @pytest.fixture
    def record(self, trial, people):
        with acting(user=people[1], role="investigator", origin="web"):
            return Record.objects.create(
                patient=build.patient(trial=trial), protocol=trial.protocol, form="medication", state="complete",
                values={"drug": f"Paracetamol of {NAME}", "dose": "1.50"},
            )  # fmt: skip

    def test_only_the_item_is_masked(self, record, people):
        """AUD-12: other items keep their stored text."""
        assert confirmed(asked(record, people[0], place="values.drug"), people[1]) == 2
        record.refresh_from_db()
        assert record.values == {"drug": f"Paracetamol of {MASK}", "dose": "1.50"}
        assert [row.values["drug"] for row in past(record)] == [f"Paracetamol of {MASK}"] * 2
        assert objections() == []

    def test_a_mark_on_the_item_stays_without_the_name(self, record, people):
        """AUD-12: undoing the mark would store the text again."""
        with acting(user=people[0], role="monitor"):
            mark = Mark.objects.create(
                record=record,
                patient=record.patient,
                kind="verification",
                item="drug",
                by=people[0],
                version=1,
            )
        confirmed(asked(record, people[0], place="values.drug"), people[1])
        mark.refresh_from_db()
        assert mark.undone_at is None
        assert NAME not in everything_stored()

    def test_an_undone_mark_loses_the_name_in_its_values_and_its_reason(self, record, people):
        """AUD-12: old value, new value and reason are copies; who changed it stays, and the mark stays final."""
        with acting(user=people[0], role="monitor"):
            mark = Mark.objects.create(
                record=record,
                patient=record.patient,
                kind="verification",
                item="drug",
                by=people[0],
                version=1,
            )
        with acting(user=people[1], role="investigator", reason=f'Not of "{NAME}"'):
            Record.objects.filter(pk=record.pk).update(
                values={"drug": f"\n{NAME}: Ibuprofen", "dose": "1.50"}
            )
        confirmed(asked(record, people[0], place="values.drug"), people[1])
        mark.refresh_from_db()
        assert mark.undone == {
            "by": people[1].full_name, "because": f'Not of "{MASK}"',
            "old": {"drug": f"Paracetamol of {MASK}"}, "new": {"drug": f"\n{MASK}: Ibuprofen"},
        }  # fmt: skip
        # The reason of the change itself is masked from its own entry.
        entry = past(record)[1]
        confirmed(asked(record, people[0], place="history_change_reason.", entry=entry), people[1])
        assert NAME not in everything_stored()
        assert objections() == []
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic(), acting(system="test"):
            Mark.objects.filter(pk=mark.pk).update(undone={**mark.undone, "because": MASK})

    def test_the_reason_for_which_a_signature_became_invalid_is_masked(self, record, people):
        """AUD-12: and nothing else of the signature can change."""
        with acting(user=people[1], role="investigator"):
            signature = signatures.sign(
                target=record, meaning=Meaning.RESPONSIBILITY, password=build.PASSWORD, by=people[1]
            )
        with acting(user=people[1], role="investigator", reason=f"{NAME} said so"):
            Record.objects.filter(pk=record.pk).update(values={"drug": "Ibuprofen", "dose": "1.50"})
        sealed()
        entry = past(record)[1]
        confirmed(asked(record, people[0], place="history_change_reason.", entry=entry), people[1])
        signature.refresh_from_db()
        assert str(signature.invalidated_reason) == f"{MASK} said so"
        assert NAME not in "".join(str(each.invalidated_reason) for each in past(signature))
        assert objections() == []
        for forged in ({"invalidated_reason": "Nothing"}, {"printed_name": MASK}):
            with (
                pytest.raises(DatabaseError, match="signature never"),
                transaction.atomic(),
                acting(system="test"),
            ):
                type(signature).objects.filter(pk=signature.pk).update(**forged)

    def test_a_query_and_its_messages_lose_the_name(self, record, people):
        """AUD-12: of the same patient, as whole words; other words and other patients stay."""
        other = build.patient(trial=record.patient.trial)
        with acting(user=people[0], role="data_manager"):
            query = query_on(record, f"Is {NAME} right? {NAME}s", people[0])
            about_other = Query.objects.create(
                patient=other, target="disposition", target_id=other.pk, item="ended_on", origin="monitor",
                state="open", text=NAME, opened_by=people[0],
            )  # fmt: skip
        with acting(user=people[1], role="investigator"):
            answer_query(query=query, text=f"Yes, {NAME}", by=people[1], role="investigator")
        sealed()
        confirmed(asked(record, people[0], place="values.drug"), people[1])
        query.refresh_from_db()
        assert str(query.text) == f"Is {MASK} right? {NAME}s"
        assert str(query.messages.last().text) == f"Yes, {MASK}"
        assert f"Yes, {NAME}" not in everything_stored()
        about_other.refresh_from_db()
        assert str(about_other.text) == NAME
        assert objections() == []

    def test_unsaved_input_loses_the_name(self, record, people):
        """AUD-12: drafts of the patient's pages, of the trial's pages, and of events; not of another patient's."""
        patient, other = record.patient, build.patient(trial=record.patient.trial)
        slug = patient.trial.slug
        places = {"page:consent/": patient, f"page:/trials/{slug}/queries/ask/": None, "page:end/": other}
        for place, of in places.items():
            Draft.objects.create(
                user=people[0], patient=of, place=place, payload=[["note", f"Ask {NAME}"]], base_version=0,
                saved_at=timezone.now(),
            )  # fmt: skip
        with acting(user=people[1], role="investigator"):
            EventDraft.objects.create(
                trial=patient.trial, patient=patient, number=1, save_key="a", payload=[["term", f"Fever of {NAME}"]],
                term=f"Fever of {NAME}", first_saved_at=timezone.now(), saved_at=timezone.now(),
            )  # fmt: skip
        places_masked = confirmed(asked(record, people[0], place="values.drug"), people[1])
        assert places_masked == 2 + 2 + 1
        texts = {draft.place: draft.payload for draft in Draft.objects.all()}
        assert (
            texts["page:consent/"] == texts[f"page:/trials/{slug}/queries/ask/"] == [["note", f"Ask {MASK}"]]
        )
        assert texts["page:end/"] == [["note", f"Ask {NAME}"]]
        event = EventDraft.objects.get()
        assert (event.term, event.payload) == (f"Fever of {MASK}", [["term", f"Fever of {MASK}"]])

    def test_the_cells_of_a_table_are_masked(self, record, people):
        """AUD-12: every cell of the item that holds the name; ids of rows, columns and numbers stay."""
        rows = [
            {"id": "a1", "what": f"Bag of {NAME}", "ml": "10"},
            {"id": "a2", "what": "Saline", "ml": "1.5"},
        ]
        with acting(user=people[1], role="investigator"):
            Record.objects.filter(pk=record.pk).update(values={"bags": rows, "dose": "1.50"})
        sealed()
        entry = past(record)[1]
        with pytest.raises(ValidationError):
            asked(record, people[0], place="values.bags", text=f"{NAME}\n10", entry=entry)
        row = asked(record, people[0], place="values.bags", entry=entry)
        assert text_of(row) == NAME
        confirmed(row, people[1])
        record.refresh_from_db()
        assert record.values["bags"] == [{**rows[0], "what": f"Bag of {MASK}"}, rows[1]]
        assert objections() == []

    def test_a_piece_of_two_letters_is_masked_only_where_it_was_asked(self, record, people):
        """AUD-12: it would stand in many other texts."""
        with acting(user=people[0], role="data_manager"):
            query = query_on(record, "Is it of us?", people[0])
        confirmed(asked(record, people[0], place="values.drug", text="of"), people[1])
        query.refresh_from_db()
        assert str(query.text) == "Is it of us?"

    def test_a_signature_comes_back_to_its_signer(self, record, people):
        """AUD-12, SIG-04: what was signed is not what the row holds now."""
        with acting(user=people[1], role="investigator"):
            signature = signatures.sign(
                target=record, meaning=Meaning.RESPONSIBILITY, password=build.PASSWORD, by=people[1]
            )
        confirmed(asked(record, people[0], place="values.drug"), people[1])
        signature.refresh_from_db()
        assert signature.invalidated_at is not None
        assert objections() == []

    def test_data_under_a_lock_can_be_masked_and_nothing_else(self, record, people):
        """AUD-12: the lock holds for every other change of the same row."""
        with acting(user=people[0], role="data_manager"):
            Trial.objects.update(locked_at="2026-01-01T00:00Z")
        with (
            pytest.raises(DatabaseError, match="locked"),
            transaction.atomic(),
            acting(user=people[0], role="x"),
        ):
            Record.objects.update(values={"drug": "None", "dose": "1.50"})
        confirmed(asked(record, people[0], place="values.drug"), people[1])
        assert Record.objects.get().values["drug"] == f"Paracetamol of {MASK}"
        with (
            pytest.raises(DatabaseError, match="locked"),
            transaction.atomic(),
            acting(user=people[0], role="x"),
        ):
            Record.objects.update(values={"drug": f"Ibuprofen of {MASK}", "dose": "1.50"})
