"""The second person: two identifiers, another person, a password (CEL-09, CEL-13)."""

import pytest

from audit.context import acting
from audit.models import Signature
from dosing.models import BagMovement, WorksheetStep
from patients.models import Identity
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study.worksheets import COUNT, DILUTION, DRAWN, TAKEN, Bench

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def bench(open_patient):
    found = Bench(open_patient)
    found.chosen("B-1", "B-2")
    return found


def test_the_second_person_signs_order_bags_and_patient(bench):
    bench.sign()
    step = WorksheetStep.objects.get(kind="identity")

    assert step.values == {
        "subject": bench.patient.code, "second_identifier": "birth_year", "bags": ["B-1", "B-2"],
    }  # fmt: skip
    assert Signature.objects.get(target_type="dosing.worksheetstep", target_id=step.pk).signer_id != (
        WorksheetStep.objects.get(kind="order").recorded_by_id
    )


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"subject": "LIE-999"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"second": "1957"}, "second"),
        ({"second": ""}, "second"),
        # The laboratory may not see who the patient is: no name, no hospital number.
        ({"second": "Anna Test"}, "second"),
        ({"second": "H-1"}, "second"),
        ({"password": "wrong"}, "password"),
    ],
)
def test_what_does_not_fit_is_a_hard_stop(bench, typed, field):
    response = bench.sign(**typed)

    assert response.status_code == 422
    assert field in response.context["sign_form"].errors
    assert not WorksheetStep.objects.filter(kind="identity").exists()
    assert bench.step().status_code == 422
    assert not BagMovement.objects.filter(kind="thaw").exists()


def test_a_missing_date_of_birth_is_said_before_anything_is_thawed(bench):
    """CEL-09, CEL-13: it is missed when the order is read, not when the second person stands at the bench."""
    words = (
        "No date of birth is recorded for this patient. The second person compares its year before the thaw"
    )
    assert words not in text_of(bench.first.get(bench.address))
    with acting(system="test"):
        Identity.objects.filter(patient=bench.patient).update(birth_date="")

    assert words in text_of(bench.first.get(bench.address))
    assert "ask the ward to record it" in text_of(bench.sign())


def test_who_prepares_cannot_sign_as_the_second_person(bench):
    response = bench.sign(bench.first)

    assert "Another person signs here" in response.content.decode()
    assert not Signature.objects.filter(target_type="dosing.worksheetstep").exists()


def test_the_second_person_reads_what_to_compare_at_each_signature(bench):
    """CEL-09: before the thaw the bags, at the end the label of the product."""
    assert "Compare order, bags and patient." in text_of(bench.second.get(bench.address))
    bench.sign()
    for values in ({}, {}, DILUTION, COUNT, DRAWN):
        bench.step(**values)
    bench.scan(bench.kit)
    assert "Compare order, label and product." in text_of(bench.second.get(bench.address))


def test_after_the_signature_no_bag_is_added(bench):
    bench.sign()

    assert bench.scan("B-2").status_code == 422


def test_a_blinded_person_has_no_worksheet(both_arms):
    """CEL-18."""
    bench = Bench(both_arms["C-1"])
    for role in ("coordinator", "investigator", "data_manager"):
        ward = build.client(build.user(role, trial=bench.patient.trial))
        assert ward.get(bench.address).status_code == 403
        assert ward.post(bench.address, {"do": "scan", "scan": bench.patient.code}).status_code == 403
    assert not WorksheetStep.objects.exists()


class TestAfterADowntime:
    PAPER = {"at": "30-Mar-2026 09:10", "source": "Paper worksheet 7", "written_at": "30-Mar-2026 09:15"}

    def test_a_step_is_transcribed_with_its_source_and_both_times(self, open_patient):
        bench = Bench(open_patient)
        assert bench.scan(open_patient.code, **self.PAPER).status_code == 302
        step = WorksheetStep.objects.get()
        shown = bench.first.get(bench.address).content.decode()

        assert (step.source, step.at.isoformat()) == ("Paper worksheet 7", "2026-03-30T07:10:00+00:00")
        assert "entered 30-Mar-2026 12:00" in shown

    @pytest.mark.parametrize(
        ("missing", "field"), [("at", "at"), ("written_at", "written_at"), ("source", "source")]
    )
    def test_a_transcription_names_everything(self, open_patient, missing, field):
        bench = Bench(open_patient)
        response = bench.scan(open_patient.code, **{**self.PAPER, missing: ""})

        assert field in response.context["scan_form"].errors
        assert not WorksheetStep.objects.exists()

    def test_a_second_reader_compares_it_and_is_another_person(self, open_patient):
        bench = Bench(open_patient)
        bench.scan(open_patient.code, **self.PAPER)
        key = WorksheetStep.objects.get().pk
        assert bench.send("read", key=key).status_code == 422
        assert bench.send("read", bench.second, key=key).status_code == 302

        assert WorksheetStep.objects.get().read_by is not None


def on_paper(time: str) -> dict[str, str]:
    return {"at": f"30-Mar-2026 {time}", "source": "Paper worksheet 7", "written_at": f"30-Mar-2026 {time}"}


class TestAWholeWorksheetFromPaper:
    """BKP-02, CEL-09: the server was down for an hour; both people had signed on paper in the course of it."""

    def test_both_signatures_are_entered_at_their_own_time_and_signed_by_the_person(self, open_patient):
        bench = Bench(open_patient)
        bench.scan(open_patient.code, **on_paper("10:00"))
        for bag in ("B-1", "B-2"):
            assert bench.scan(bag, **on_paper("10:01")).status_code == 302
        assert bench.sign(**on_paper("10:05")).status_code == 302
        steps = ({}, {}, DILUTION, COUNT, DRAWN)
        for time, values in zip(("10:10", "10:16", "10:25", "10:30", "10:40"), steps, strict=True):
            assert bench.step(**values, **on_paper(time)).status_code == 302, values
        assert bench.scan(bench.kit, **on_paper("10:45")).status_code == 302
        assert bench.sign(**on_paper("10:50")).status_code == 302
        assert bench.step(**TAKEN, **on_paper("10:55")).status_code == 302

        signed = WorksheetStep.objects.filter(kind__in=("identity", "check")).order_by("pk")
        assert [f"{each.at:%H:%M} {each.source}" for each in signed] == [
            "08:05 Paper worksheet 7", "08:50 Paper worksheet 7",
        ]  # fmt: skip
        # The electronic signature does not pretend to be of then.
        made = Signature.objects.filter(target_type="dosing.worksheetstep")
        assert [f"{each.signed_at:%H:%M}" for each in made] == ["10:00", "10:00"]
        assert BagMovement.objects.filter(kind="thaw").count() == 2

    def test_a_signature_of_then_without_its_paper_is_refused(self, bench):
        response = bench.sign(**{**on_paper("11:50"), "source": "", "written_at": ""})

        assert response.status_code == 422
        assert "name the paper" in text_of(response)
        assert not WorksheetStep.objects.filter(kind="identity").exists()

    def test_a_signature_is_not_before_what_it_signs(self, bench):
        assert "at" in bench.sign(**on_paper("09:00")).context["sign_form"].errors


def test_a_wrong_thaw_is_struck_out_and_reversed_in_the_ledger(bench):
    bench.sign()
    bench.step()
    assert bench.send("strike", reason="").status_code == 422
    assert bench.send("strike", reason="Wrong minute").status_code == 302

    assert not BagMovement.objects.filter(kind="thaw", reversed_by=None).exists()
    assert bench.step(at="30-Mar-2026 12:00").status_code == 302
