"""Sealed envelopes on paper: sheet and code apart, opened without a server, reconciled; blank worksheets (BKP-02)."""

import random
import re
import secrets

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from dosing.allocation.slots import arm_of
from dosing.envelopes.making import make_envelopes
from dosing.envelopes.sheet import LINES_PER_ARM, sealed_sheet
from dosing.models import Envelope, EnvelopeCheck, Unblinding
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from trials.models import SponsorNotice
from trials.permissions import Permission
from trials.roles import ROLES

ARMS = ("msc", "placebo")


class TestTheSheet:
    @given(arm=st.sampled_from(ARMS), seed=st.integers())
    def test_the_code_names_the_arm_and_no_other_line_has_its_number_and_check_word(self, arm, seed):
        sheet = sealed_sheet(arms=ARMS, arm=arm, draw=random.Random(seed).randrange)
        assert sheet.opened(sheet.code.lower()) == arm
        number, _dash, check = sheet.code.partition("-")
        wrong = f"{int(number) % len(sheet.lines) + 1}-{check}"
        assert sheet.opened(wrong) is None or wrong.partition("-")[2] == check

    @given(arm=st.sampled_from(ARMS), seed=st.integers())
    def test_every_arm_stands_on_equally_many_lines(self, arm, seed):
        sheet = sealed_sheet(arms=ARMS, arm=arm, draw=random.Random(seed).randrange)
        arms = [line.arm for line in sheet.lines]
        assert {each: arms.count(each) for each in ARMS} == dict.fromkeys(ARMS, LINES_PER_ARM)

    def test_neither_sheet_nor_code_tells_the_arm(self):
        """Over many sheets each line holds each arm equally often, and is drawn equally often, whatever the arm is."""
        draw = random.Random(7).randrange
        for arm in ARMS:
            sheets = [sealed_sheet(arms=ARMS, arm=arm, draw=draw) for _sheet in range(2000)]
            first = sum(sheet.lines[0].arm == arm for sheet in sheets) / len(sheets)
            chosen = sum(int(sheet.code.partition("-")[0]) <= LINES_PER_ARM for sheet in sheets) / len(sheets)
            assert 0.45 < first < 0.55
            assert 0.45 < chosen < 0.55

    def test_an_unknown_arm_is_refused(self):
        with pytest.raises(ValueError, match="no arm"):
            sealed_sheet(arms=ARMS, arm="other", draw=secrets.randbelow)


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def patient(trial):
    return build.eligible(trial=trial, investigator=build.user("investigator", trial=trial))


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial, full_name="Cell Worker")


@pytest.fixture
def pharmacist(trial):
    return build.user("pharmacist", trial=trial, full_name="Phil Pharmacist")


def address(trial, name: str) -> str:
    return reverse(f"dosing:{name}", args=[trial.slug])


def printed(person, trial, name="envelopes-print"):
    return build.client(person).post(address(trial, name))


def found(person, trial, **changed):
    fields = {
        "envelope": Envelope.objects.get().pk,
        "finding": "intact",
        "happened": "10-Mar-2026",
        "note": "",
    }
    return build.client(person).post(address(trial, "envelopes"), {**fields, **changed})


pytestmark = pytest.mark.django_db


class TestPrinting:
    def test_sheet_and_code_together_name_the_arm_without_the_server(
        self, trial, patient, laboratory, pharmacist
    ):
        sheet = printed(laboratory, trial)
        codes = printed(pharmacist, trial, "envelope-codes").content.decode()
        number, check = re.search(r'class="code">(\d+)-([A-Z0-9]{4})<', codes).groups()
        lines = re.findall(
            r"<b>(\d+)</b>-<span class=\"code\">(\w+)</span> ([^<]+)</p>", sheet.content.decode()
        )
        assert [arm for line, word, arm in lines if (line, word) == (number, check)] == [
            arm_of(patient).title.in_language("en")
        ]
        assert "UNBLINDED" in sheet.content.decode()

    def test_who_printed_the_envelopes_gets_no_code(self, trial, patient, laboratory):
        """The form bypassed."""
        printed(laboratory, trial)
        answer = printed(laboratory, trial, "envelope-codes")
        assert (answer.status_code, "another person prints their codes" in answer.content.decode()) == (
            422,
            True,
        )
        row = Envelope.objects.get()
        assert row.codes_at is None
        with pytest.raises(IntegrityError), transaction.atomic(), acting(user=laboratory):
            Envelope.objects.filter(pk=row.pk).update(codes_by=laboratory, codes_at=row.made_at, code="")

    def test_a_code_is_shown_once_and_then_deleted(self, trial, patient, laboratory, pharmacist):
        printed(laboratory, trial)
        stored = Envelope.objects.get().code
        code = re.search(
            r'class="code">(\d+-[A-Z0-9]{4})<', printed(pharmacist, trial, "envelope-codes").content.decode()
        ).group(1)
        assert code not in stored
        assert Envelope.objects.get().code == ""
        assert printed(pharmacist, trial, "envelope-codes").status_code == 422

    def test_a_patient_has_one_sealed_envelope(self, trial, patient, laboratory):
        printed(laboratory, trial)
        assert printed(laboratory, trial).status_code == 422
        assert Envelope.objects.count() == 1
        later = build.eligible(trial=trial)
        assert printed(laboratory, trial).status_code == 200
        assert Envelope.objects.get(number=2).patient == later

    @pytest.mark.parametrize(
        "role", each_engine_or_one(sorted(set(ROLES) - {"cell_laboratory", "pharmacist"}))
    )
    @pytest.mark.parametrize("name", ["envelopes-print", "envelope-codes"])
    def test_nobody_else_prints(self, trial, patient, role, name):
        assert printed(build.user(role, trial=trial), trial, name).status_code == 403
        assert not Envelope.objects.exists()

    def test_nothing_is_sealed_in_an_open_trial(self):
        trial = build.trial()
        answer = printed(build.user("cell_laboratory", trial=trial), trial)
        assert (answer.status_code, Envelope.objects.exists()) == (422, False)


class TestReconciling:
    @pytest.fixture(autouse=True)
    def _sealed(self, trial, patient, laboratory):
        with acting(user=laboratory, role="cell_laboratory"):
            make_envelopes(trial=trial, by=laboratory)

    def test_an_intact_envelope_stays_sealed(self, trial):
        nurse = build.user("coordinator", trial=trial)
        assert found(nurse, trial).status_code == 302
        assert found(nurse, trial).status_code == 302
        assert (Envelope.objects.get().state, EnvelopeCheck.objects.count()) == ("sealed", 1)
        assert (
            "Sealed: 1. Opened: 0." in build.client(nurse).get(address(trial, "envelopes")).content.decode()
        )

    def test_an_opened_one_is_an_unblinding_of_who_opened_it(self, trial, patient):
        """BLD-04: the sponsor is told without the arm."""
        doctor = build.user("investigator", trial=trial, full_name="Doctor Night")
        answer = found(doctor, trial, finding="opened", note="Shock, server away")
        assert answer.status_code == 302
        row = Unblinding.objects.get()
        assert (row.known_to, row.category, row.patient) == (doctor, "emergency", patient)
        assert SponsorNotice.objects.get().what == "unblinded"
        assert Envelope.objects.get().state == "opened"

    def test_somebody_else_opened_it(self, trial):
        nurse = build.user("coordinator", trial=trial)
        found(nurse, trial, finding="opened", note="Shock", opened_by_name="Physician on call")
        assert Unblinding.objects.get().who == "Physician on call"

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"finding": "opened"}, "Say why"),
            ({"finding": "destroyed"}, "Say why"),
            ({"happened": "10-Mar-2099"}, "in the future"),
            ({"finding": "opened", "note": "It was placebo"}, "Do not name the treatment"),
            ({"finding": ""}, "required"),
        ],
    )
    def test_what_cannot_be_recorded_is_refused_and_stays_typed(self, trial, changed, told):
        answer = found(build.user("coordinator", trial=trial), trial, **changed)
        assert answer.status_code == 422
        assert told in answer.content.decode()
        assert (Envelope.objects.get().state, EnvelopeCheck.objects.count()) == ("sealed", 0)
        assert not Unblinding.objects.exists()

    def test_a_destroyed_one_is_replaced_by_another_envelope(self, trial, laboratory):
        nurse = build.user("coordinator", trial=trial)
        assert found(nurse, trial, finding="destroyed", note="Water damage").status_code == 302
        assert found(nurse, trial).status_code == 422
        assert printed(laboratory, trial).status_code == 200
        assert [row.state for row in Envelope.objects.order_by("number")] == ["destroyed", "sealed"]

    def test_an_envelope_of_another_trial_is_unknown(self, trial):
        other = build.trial()
        answer = found(build.user("coordinator", trial=other), other)
        assert answer.status_code == 422
        assert not EnvelopeCheck.objects.exists()

    @pytest.mark.usefixtures("known_day")
    def test_blinded_readers_are_shown_the_same_in_both_arms(self, trial, patient):
        """BLD-01, AUD-15: the page and the trail of the envelopes; neither a code nor a sheet is in them."""
        client = build.client(build.user("data_manager", trial=trial))
        pages = [address(trial, "envelopes"), f"/trials/{trial.slug}/trail/?form=dosing.envelope"]
        assert Permission.SEE_TREATMENT not in ROLES["data_manager"].permissions

        def read():
            return blinding.crawl(client, pages)

        before = blinding.read_after(trial, blinding.as_it_is, read)
        assert blinding.differences(before, blinding.read_after(trial, blinding.swap_arms, read)) == {}
        assert not any(Envelope.objects.get().code.encode() in content for content in before.values())

    def test_the_list_costs_the_same_for_one_and_for_three(self, trial, laboratory):
        client, counts = build.client(build.user("monitor", trial=trial)), []
        for more in (0, 2):
            for _patient in range(more):
                build.eligible(trial=trial)
            if more:
                printed(laboratory, trial)
            with CaptureQueriesContext(
                connection,
            ) as counted:
                assert client.get(address(trial, "envelopes")).status_code == 200
            counts.append(len(counted))
        assert counts[0] == counts[1]


def test_blank_worksheets_name_each_step_and_what_is_observed(trial):
    laboratory, nurse = build.user("cell_laboratory", trial=trial), build.user("coordinator", trial=trial)
    whole = build.client(laboratory).get(address(trial, "blank-worksheets")).content.decode()
    bedside = build.client(nurse).get(address(trial, "blank-worksheets")).content.decode()
    for item in trial.rules.bedside.items:
        assert item.label.in_language("en") in bedside
    assert "Viability (%)" in whole
    # The preparation of cells and of placebo is the laboratory's.
    assert "Viability (%)" not in bedside
