"""Reserve envelopes are printed with their codes, and those that were not opened are accounted for (BKP-02)."""

import re

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import acting
from dosing.allocation.lists import holds_commitment, strata_of
from dosing.envelopes.reserves import make_reserves, record_reserve
from dosing.models import AllocationSlot, ReserveCheck, ReserveEnvelope
from protocol.values.moments import Moment
from tests.dosing.unblinding.reserves.conftest import address, now_text, opened, sent, slot_of
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from trials.permissions import Permission
from trials.roles import ROLES


def printed(person, trial, name="reserves-print", **fields):
    return build.client(person).post(address(trial, name), fields or {"per_stratum": "3"})


pytestmark = pytest.mark.django_db


class TestPrinting:
    def test_sheet_and_code_name_the_arm_of_the_next_slot(self, trial, laboratory, pharmacist):
        sheets = printed(laboratory, trial, per_stratum="2").content.decode()
        codes = printed(pharmacist, trial, "reserve-codes").content.decode()
        found = dict(re.findall(r'scope="row">(R-\d+)</th><td>[^<]*</td><td class="code">([^<]+)<', codes))
        assert list(found) == ["R-1", "R-2"]
        for row in ReserveEnvelope.objects.order_by("number"):
            part = sheets.partition(f'id="envelope-{row.number}"')[2].partition("</section>")[0]
            number, check = found[str(row)].split("-")
            lines = re.findall(r"<b>(\d+)</b>-<span class=\"code\">(\w+)</span> ([^<]+)</p>", part)
            slot = AllocationSlot.objects.get(pk=row.slot_id)
            title = trial.rules.arm(slot.arm).title.in_language("en")
            assert [arm for line, word, arm in lines if (line, word) == (number, check)] == [title]
            assert (slot.position, slot.patient) == (row.number, None)

    def test_every_stratum_gets_its_own(self):
        knees = build.trial("third")
        by = build.user("pharmacist", trial=knees)
        assert printed(by, knees, per_stratum="2").status_code == 200
        rows = list(ReserveEnvelope.objects.values_list("stratum", "position"))
        assert rows == [(stratum, place) for stratum in strata_of(knees.rules) for place in (1, 2)]

    def test_printing_again_fills_up_what_is_missing(self, trial, sealed, laboratory):
        assert printed(laboratory, trial).status_code == 422
        with acting(user=laboratory, role="cell_laboratory"):
            record_reserve(
                envelope=sealed[0], finding="destroyed", happened=Moment.from_datetime(timezone.now(), "UTC"),
                note="Torn", by=laboratory,
            )  # fmt: skip
        assert printed(laboratory, trial).status_code == 200
        # The place of the destroyed envelope is free again, and so the next one.
        assert list(ReserveEnvelope.objects.values_list("number", "position", "state")) == [
            (1, 1, "destroyed"),
            (2, 2, "sealed"),
            (3, 3, "sealed"),
            (4, 1, "sealed"),
        ]

    def test_a_list_grows_before_its_last_places_are_sealed(self, trial, laboratory):
        from dosing.allocation.lists import generate_list

        with acting(user=laboratory, role="cell_laboratory"):
            generate_list(trial=trial, by=laboratory, size=2)
            made = make_reserves(trial=trial, per_stratum=10, by=laboratory)
        assert [each.envelope.position for each in made] == list(range(1, 11))
        assert holds_commitment(trial)

    @pytest.mark.parametrize("typed", ["0", "11", "", "many"])
    def test_an_impossible_number_is_refused_and_stays_typed(self, trial, laboratory, typed):
        answer = printed(laboratory, trial, per_stratum=typed)
        assert answer.status_code == 422
        assert not ReserveEnvelope.objects.exists()
        assert 'id="error_1_id_per_stratum"' in answer.content.decode()
        assert f'value="{typed}"' in answer.content.decode() or not typed

    def test_who_printed_the_envelopes_gets_no_code_and_a_code_is_shown_once(
        self, trial, sealed, laboratory, pharmacist
    ):
        assert "another person prints" in printed(laboratory, trial, "reserve-codes").content.decode()
        row = ReserveEnvelope.objects.get(number=1)
        with pytest.raises(IntegrityError), transaction.atomic(), acting(user=laboratory):
            ReserveEnvelope.objects.filter(pk=row.pk).update(
                codes_by=laboratory, codes_at=row.made_at, code=""
            )
        assert printed(pharmacist, trial, "reserve-codes").status_code == 200
        assert set(ReserveEnvelope.objects.values_list("code", flat=True)) == {""}
        assert printed(pharmacist, trial, "reserve-codes").status_code == 422

    def test_a_trial_that_does_not_randomise_has_none(self):
        trial = build.trial()
        answer = printed(build.user("cell_laboratory", trial=trial), trial)
        assert (answer.status_code, ReserveEnvelope.objects.exists()) == (422, False)
        page = build.client(build.user("monitor", trial=trial)).get(address(trial)).content.decode()
        assert "does not randomise" in page

    @pytest.mark.parametrize(
        "role", each_engine_or_one(sorted(set(ROLES) - {"cell_laboratory", "pharmacist"}))
    )
    @pytest.mark.parametrize("name", ["reserves-print", "reserve-codes"])
    def test_nobody_else_prints(self, trial, role, name):
        assert printed(build.user(role, trial=trial), trial, name).status_code == 403
        assert not ReserveEnvelope.objects.exists()


class TestReconciling:
    def test_an_intact_envelope_stays_sealed_and_the_same_page_twice_is_one_record(self, trial, sealed):
        nurse, told = build.user("coordinator", trial=trial), now_text(trial)
        assert sent(nurse, trial, sealed[0], happened=told).status_code == 302
        assert sent(nurse, trial, sealed[0], happened=told).status_code == 302
        assert ReserveCheck.objects.count() == 1
        assert "Sealed: 3." in build.client(nurse).get(address(trial)).content.decode()

    def test_a_destroyed_one_gives_its_slot_back(self, trial, sealed):
        nurse = build.user("coordinator", trial=trial)
        assert sent(nurse, trial, sealed[0], finding="destroyed", note="Water").status_code == 302
        assert slot_of(build.eligible(trial=trial)).position == 1

    def test_a_lost_one_keeps_its_slot_until_it_turns_up(self, trial, sealed, laboratory, investigator):
        nurse = build.user("coordinator", trial=trial)
        assert sent(nurse, trial, sealed[0], finding="lost", note="Not in the safe").status_code == 302
        assert slot_of(build.eligible(trial=trial)).position == 4
        patient = build.assessable(trial=trial, by=investigator)
        assert opened(laboratory, trial, sealed[0], patient).status_code == 302
        assert slot_of(patient).position == 1

    def test_a_lost_one_is_not_found_intact_without_a_word(self, trial, sealed):
        """What was away may have been opened: it is destroyed, or its opening recorded."""
        nurse = build.user("coordinator", trial=trial)
        sent(nurse, trial, sealed[0], finding="lost", note="Not in the safe")
        assert sent(nurse, trial, sealed[0]).status_code == 422

    @pytest.mark.usefixtures("known_day")
    def test_blinded_readers_are_shown_the_same_in_both_arms(
        self, trial, sealed, laboratory, investigator, pharmacist
    ):
        """BLD-01, AUD-15: the page and the trail; neither a code nor a slot is in them."""
        patient = build.assessable(trial=trial, by=investigator)
        opened(laboratory, trial, sealed[0], patient)
        client = build.client(build.user("data_manager", trial=trial))
        trail = f"/trials/{trial.slug}/trail/?form=dosing.reserve"
        pages = [address(trial), f"{trail}envelope", f"{trail}check"]
        assert Permission.SEE_TREATMENT not in ROLES["data_manager"].permissions

        def read():
            return blinding.crawl(client, pages)

        before = blinding.read_after(trial, blinding.as_it_is, read)
        assert blinding.differences(before, blinding.read_after(trial, blinding.swap_arms, read)) == {}
        code = ReserveEnvelope.objects.get(number=2).code.encode()
        assert code
        assert not any(code in content for content in before.values())

    def test_the_list_costs_the_same_for_one_and_for_three(self, trial, laboratory, investigator):
        client, counts = build.client(build.user("monitor", trial=trial)), []
        for wanted in (1, 3):
            with acting(user=laboratory, role="cell_laboratory"):
                make_reserves(trial=trial, per_stratum=wanted, by=laboratory)
            for row in ReserveEnvelope.objects.filter(state="sealed").order_by("number")[:wanted]:
                opened(laboratory, trial, row, build.assessable(trial=trial, by=investigator))
            with CaptureQueriesContext(connection) as counted:
                assert client.get(address(trial)).status_code == 200
            counts.append(len(counted))
        assert counts[0] == counts[1]


def test_the_blank_worksheets_of_a_randomised_trial_have_a_log_of_the_allocations(trial):
    """BKP-02: what is written while the server is away, and transcribed afterwards."""
    nurse = build.user("coordinator", trial=trial)
    page = build.client(nurse).get(address(trial, "blank-worksheets")).content.decode()
    assert page.count("R-____") == 10
    single = build.trial()
    open_page = build.client(build.user("coordinator", trial=single)).get(address(single, "blank-worksheets"))
    assert "Allocation log" not in open_page.content.decode()
