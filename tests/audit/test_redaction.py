"""Personal data in free text are masked by two persons, and the trail stays whole (AUD-12, PRV-02)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit import signatures
from audit.context import acting
from audit.models import AccessEvent, MaskedCell, Meaning, Redaction, SealedPart, TrailIndexRow
from audit.redactions.masked_text import only_masks
from audit.redactions.redaction import (
    MASK,
    ask_redaction,
    confirm_redaction,
    free_texts,
    refuse_redaction,
    text_of,
)
from audit.sealing import seals, verification
from audit.sealing.verification import Tally
from audit.trail import history_model
from audit.trail_index import building, finding
from audit.trail_reading.sources import Filter
from patients.models import Draft, Mark, Query, Record
from patients.queries.threads import answer_query
from safety.models import AdverseEvent, EventDraft
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db
NAME = "Marie Dupont"
NARRATIVE = f"The daughter of {NAME} called; {NAME} has a fever"


@pytest.fixture
def people(trial):
    return build.user("data_manager", trial=trial), build.user("investigator", trial=trial)


@pytest.fixture
def event(trial):
    return build.event(patient=build.patient(trial=trial), description=NARRATIVE)


def past(row):
    return list(row.history.order_by("history_id"))


def asked(row, by, *, place="description.", text=NAME, reason="A relative is named", entry=None) -> Redaction:
    with acting(user=by, role="data_manager", origin="web"):
        return ask_redaction(
            trial_id=past(row)[0].history_trial, model=type(row), row=(entry or past(row)[0]).history_id,
            place=place, text=text, reason=reason, by=by,
        )  # fmt: skip


def confirmed(redaction, by) -> int:
    with acting(user=by, role="investigator", origin="web"):
        return confirm_redaction(redaction=redaction, by=by)


def objections() -> list[str]:
    return [str(each) for each in verification.findings(Tally()) if each.place != verification.FILE]


def sealed() -> None:
    with acting(system="seal"):
        seals.seal(reason="test")


def everything_stored() -> str:
    """Return the text of every row of every table."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found.append(repr(cursor.fetchall()))
    return "".join(found)


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
