"""Temperature excursions of the places where tubes are stored, and the tubes that they affected (ICH E6 8.3.25)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from patients.models import StorageExcursion
from patients.samples.storage import (
    ExcursionFacts,
    affected_tubes,
    evaluate_storage_excursion,
    is_at,
    record_storage_excursion,
)
from protocol.values.moments import Moment
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study.samples import handled

pytestmark = pytest.mark.django_db


def moment(sample, minutes: int) -> Moment:
    """Return a moment so many minutes after the collection of a sample."""
    zone = sample.patient.trial.time_zone
    return Moment.from_datetime(sample.collected_at + timedelta(minutes=minutes), zone)


def facts(sample, began: int, ended: int, **changed) -> ExcursionFacts:
    told = {
        "place": "Freezer 2", "began": moment(sample, began), "ended": moment(sample, ended),
        "lowest_c": Decimal("-71.5"), "highest_c": Decimal("-58.0"), "note": "Door left open",
    }  # fmt: skip
    return ExcursionFacts(**{**told, **changed})  # type: ignore[typeddict-item]


def recorded(sample, by, began: int = 100, ended: int = 130, **changed) -> StorageExcursion:
    with acting(user=by, role="coordinator"):
        return record_storage_excursion(
            trial=sample.patient.trial, facts=facts(sample, began, ended, **changed), by=by
        )


def codes(excursion: StorageExcursion) -> list[int]:
    """Return the numbers of the tubes affected."""
    return [each.tube.number for each in affected_tubes(excursion)]


class TestTubesAffected:
    @pytest.mark.parametrize(
        ("place", "of", "expected"),
        [
            ("Freezer 2, rack A", "Freezer 2", True),
            ("freezer  2", "Freezer 2", True),
            ("Freezer 2B", "Freezer 2", False),
            ("Freezer 21", "Freezer 2", False),
            ("Freezer 2", "Freezer 2, rack A", False),
            ("Freezer 2", "", False),
        ],
    )
    def test_a_place_holds_its_parts(self, place, of, expected):
        assert is_at(place, of) is expected

    def test_are_those_at_the_place_while_it_lasted(self, sample, nurse):
        handled(sample, nurse, "stored", 60, 1, 2)
        handled(sample, nurse, "stored", 60, 3, place="Freezer 3")
        handled(sample, nurse, "moved", 90, 2, place="Freezer 3")
        assert codes(recorded(sample, nurse)) == [1]
        # Until the moment of the move both are there.
        assert codes(recorded(sample, nurse, began=80, ended=90)) == [1, 2]
        assert codes(recorded(sample, nurse, began=91, ended=95)) == [1]
        assert codes(recorded(sample, nurse, began=10, ended=59)) == []
        assert codes(recorded(sample, nurse, began=10, ended=60)) == [1, 2]

    def test_a_tube_that_left_the_place_is_not_affected(self, sample, nurse):
        handled(sample, nurse, "stored", 60)
        handled(sample, nurse, "used", 70, 1)
        assert codes(recorded(sample, nurse)) == [2, 3]

    def test_say_whether_the_limits_of_their_kind_were_left(self, sample, nurse):
        """The protocol keeps cytokines at -90 to -65 °C."""
        handled(sample, nurse, "stored", 60, 1)
        (warm,) = affected_tubes(recorded(sample, nurse))
        assert (warm.outside, warm.limits) == (True, (Decimal(-90), Decimal(-65)))
        (within,) = affected_tubes(recorded(sample, nurse, highest_c=Decimal("-65.0")))
        assert not within.outside
        (cold,) = affected_tubes(
            recorded(sample, nurse, lowest_c=Decimal("-90.1"), highest_c=Decimal("-80.0"))
        )
        assert cold.outside


class TestRecording:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"place": "  "}, "place"),
            ({"note": ""}, "note"),
            ({"highest_c": None}, "highest_c"),
            ({"lowest_c": Decimal(-10)}, "lowest_c"),
            ({"highest_c": Decimal(900)}, "highest_c"),
        ],
    )
    def test_what_cannot_be_is_refused_at_its_field(self, sample, nurse, changed, field):
        with pytest.raises(ValidationError) as refused:
            recorded(sample, nurse, **changed)
        assert list(refused.value.message_dict) == [field]
        assert not StorageExcursion.objects.exists()

    def test_an_end_before_the_beginning_or_to_come_is_refused(self, sample, nurse):
        for began, ended in ((100, 100), (100, 99), (100, 60 * 24 * 9000)):
            with pytest.raises(ValidationError) as refused:
                recorded(sample, nurse, began, ended)
            assert list(refused.value.message_dict) == ["ended"]

    def test_from_the_page_with_what_was_typed_kept_when_it_is_refused(self, sample, nurse, trial):
        client = build.client(nurse)
        page = reverse("patients:storage-excursion-new", args=[trial.slug])
        day = f"{sample.collected_at.astimezone(trial.zone):%d-%b-%Y}"
        sent = {
            "place": "Freezer 2", "began": f"{day} 11:00", "ended": f"{day} 10:00", "highest_c": "-58,5",
            "note": "Door left open", "save_key": "one",
        }  # fmt: skip
        refused = client.post(page, sent)
        assert refused.status_code == 422
        assert "Door left open" in refused.content.decode()
        assert not StorageExcursion.objects.exists()
        for _click in range(2):
            assert client.post(page, {**sent, "ended": f"{day} 12:00"}).status_code == 302
        row = StorageExcursion.objects.get()
        assert (row.number, row.highest_c, row.lowest_c) == (1, Decimal("-58.5"), None)


class TestEvaluating:
    def test_who_evaluated_it_and_why_stands_on_its_page_and_at_the_sample(self, sample, nurse, trial):
        handled(sample, nurse, "stored", 60, 1)
        row, client = recorded(sample, nurse), build.client(nurse)
        page = reverse("patients:storage-excursion", args=[trial.slug, row.number])
        of_sample = reverse("patients:sample", args=[trial.slug, sample.patient.code, sample.number])
        assert sample.aliquots.get(number=1).code in words(client.get(page))
        assert "waits for its evaluation" in words(client.get(of_sample))
        refused = client.post(f"{page}evaluate/", {"outcome": "usable", "reason": " "})
        assert refused.status_code == 422
        sent = {"outcome": "usable", "reason": "Below -55 °C all the time"}
        assert client.post(f"{page}evaluate/", sent).status_code == 302
        shown = words(client.get(page))
        assert "Below -55 °C all the time" in shown
        assert nurse.full_name in shown
        assert "The tubes may be used" in words(client.get(of_sample))
        assert client.post(f"{page}evaluate/", sent).status_code == 422

    def test_once_and_never_changed(self, sample, nurse):
        row = recorded(sample, nurse)
        with acting(user=nurse, role="coordinator"):
            evaluate_storage_excursion(excursion=row, outcome="unusable", reason="Thawed", by=nurse)
            with pytest.raises(ValidationError, match="already"):
                evaluate_storage_excursion(excursion=row, outcome="usable", reason="No", by=nurse)
            with pytest.raises(DatabaseError), transaction.atomic():
                StorageExcursion.objects.filter(pk=row.pk).update(outcome="usable")
        with pytest.raises(TypeError):
            row.delete()

    def test_the_list_runs_the_same_queries_for_one_and_for_three(self, sample, nurse, trial):
        client, url = build.client(nurse), reverse("patients:storage-excursions", args=[trial.slug])
        recorded(sample, nurse)
        numbers = []
        for _more in range(2):
            with CaptureQueriesContext(connection) as ran:
                assert client.get(url).status_code == 200
            numbers.append(len(ran))
            recorded(sample, nurse)
        assert numbers[0] == numbers[1]
