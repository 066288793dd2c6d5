"""Results that reveal the arm are masked by the protocol file, entered by the laboratory (BLD-07)."""

import re

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.masked.results import masked_form
from dosing.models import MaskedResult
from patients.models import Query, Record
from protocol.checking.mistakes import problems
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from tests.support.pages.exports import exported, table
from tests.support.study.bedside import INCLUDED
from tests.support.study.masked_trial import give, measure, prepare, weigh
from trials.roles import KNOWING, ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
BLINDED = sorted(code for code in ROLES if code not in KNOWING)
SAMPLE = {"sampled_at": "2026-03-10T08:30+01:00[Europe/Madrid]", "tube": "T-1"}


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def ward(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial)


@pytest.fixture
def patient(trial, ward, laboratory):
    found = build.enrolled(trial=trial, on=INCLUDED)
    weigh(found, ward)
    prepare(found, laboratory)
    give(found, ward)
    return found


@pytest.fixture
def sample(patient, ward):
    return build.record(patient, "hla_antibodies", SAMPLE, visit="INF1", by=ward)


def page(sample: Record) -> str:
    patient = sample.patient
    return reverse("dosing:masked-result", args=[patient.trial.slug, patient.code, "INF1", sample.form])


def sent(sample: Record, laboratory, **typed):
    """Post the form of the results as the laboratory, with the versions that the page shows."""
    fields = {"class_i": "NEG", "class_ii": "NEG", "_seen": masked_form(sample, laboratory).seen}
    return build.client(laboratory).post(page(sample), {**fields, **typed})


def stored() -> dict[str, str]:
    return {row.item: row.value or f"?{row.missing}" for row in MaskedResult.objects.all()}


class TestTheLaboratory:
    def test_enters_what_was_found_in_a_sample_that_the_ward_recorded(self, sample, laboratory):
        answer = sent(sample, laboratory, class_i="POS", specificities="A2, B7", mfi_highest="1250")
        assert (answer.status_code, answer["Location"]) == (302, page(sample))
        assert stored() == {
            "class_i": "POS",
            "class_ii": "NEG",
            "specificities": "A2, B7",
            "mfi_highest": "1250",
        }
        listing = build.client(laboratory).get(
            reverse("dosing:masked-results", args=[sample.patient.trial.slug])
        )
        assert "Complete" in listing.content.decode()

    def test_enters_nothing_before_the_ward_has_recorded_the_sample(self, patient, laboratory):
        arguments = [patient.trial.slug, patient.code, "INF1"]
        client = build.client(laboratory)
        address = reverse("dosing:masked-result", args=[*arguments, "hla_antibodies"])
        assert "has not recorded this sample" in client.get(address).content.decode()
        assert client.post(address, {"class_i": "POS"}).status_code == 422
        assert not MaskedResult.objects.exists()
        assert client.get(reverse("dosing:masked-result", args=[*arguments, "walk_test"])).status_code == 404

    def test_says_why_a_result_is_missing(self, sample, laboratory):
        """DAT-05: a missing code is chosen, or typed in place of a number."""
        assert sent(sample, laboratory, class_i="?ND", mfi_highest="UNK").status_code == 302
        assert stored() == {"class_i": "?ND", "class_ii": "NEG", "mfi_highest": "?UNK"}
        assert 'value="UNK"' in build.client(laboratory).get(page(sample)).content.decode()

    def test_opens_an_empty_form(self, sample, laboratory):
        """DAT-01."""
        html = build.client(laboratory).get(page(sample)).content.decode()
        form = html[html.index('<form class="card entry') :].partition("</form>")[0]
        assert set(re.findall(r'<option value="([^"]*)" selected', form)) == {""}
        assert re.findall(r'<input type="text"[^>]* value="([^"]+)"', form) == []

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ({"mfi_highest": "many"}, "number"),
            ({"mfi_highest": "100001"}, "100"),
            ({"class_i": "MAYBE"}, "MAYBE"),
            ({"specificities": "x" * 201}, "at most 200"),
        ],
    )
    def test_is_refused_what_the_item_does_not_take_beside_the_field(self, sample, laboratory, typed, told):
        answer = sent(sample, laboratory, **typed)
        assert answer.status_code == 422
        assert told in answer.content.decode()
        assert next(iter(typed.values())) in answer.content.decode()
        assert not MaskedResult.objects.exists()

    def test_is_asked_about_an_unlikely_result(self, sample, laboratory):
        asked = sent(sample, laboratory, mfi_highest="50000")
        assert asked.status_code == 422
        assert "is unlikely" in asked.content.decode()
        assert not MaskedResult.objects.exists()
        token = asked.context["form"].token
        assert sent(sample, laboratory, mfi_highest="50000", _confirmed=token).status_code == 302
        assert stored()["mfi_highest"] == "50000"
        assert not Query.objects.exists()

    def test_says_why_a_stored_result_changes(self, sample, laboratory):
        """AUD-02."""
        sent(sample, laboratory)
        assert sent(sample, laboratory, class_i="POS").status_code == 422
        assert stored()["class_i"] == "NEG"
        reason = {"reason": "other", "reason_text": "Measured again"}
        assert sent(sample, laboratory, class_i="POS", **reason).status_code == 302
        row = MaskedResult.objects.get(item="class_i")
        assert (row.value, row.version) == ("POS", 2)
        assert "Measured again" in str(row.history.latest("history_id").history_change_reason)

    def test_does_not_overwrite_what_somebody_else_saved_since(self, sample, laboratory):
        """DAT-11."""
        sent(sample, laboratory)
        late = sent(sample, laboratory, class_i="POS", _seen="", reason="other", reason_text="Mine")
        assert late.status_code == 422
        assert "Somebody else saved these results" in late.content.decode()
        assert stored()["class_i"] == "NEG"

    def test_saves_once_on_a_double_click(self, sample, laboratory):
        sent(sample, laboratory)
        assert sent(sample, laboratory, _seen="").status_code == 302
        assert [row.version for row in MaskedResult.objects.all()] == [1, 1]

    def test_changes_nothing_below_a_lock(self, sample, laboratory, trial):
        from audit.testing import lifted_triggers

        with lifted_triggers():
            type(trial).objects.filter(pk=trial.pk).update(locked_at=sample.created_at)
        assert sent(sample, laboratory).status_code == 422
        assert not MaskedResult.objects.exists()


class TestBlindedRoles:
    @pytest.mark.parametrize("role", each_engine_or_one(BLINDED))
    def test_are_refused_whatever_is_stored(self, sample, laboratory, trial, role):
        client = build.client(build.user(role, trial=trial))
        answers = []
        for _time in range(2):
            read, written = client.get(page(sample)), client.post(page(sample), {"class_i": "POS"})
            assert (read.status_code, written.status_code) == (403, 403)
            answers.append((blinding.shown(read), blinding.shown(written)))
            sent(sample, laboratory)
        assert stored() == {"class_i": "NEG", "class_ii": "NEG"}

    def test_the_form_of_the_ward_neither_shows_nor_takes_the_item(self, sample, ward, laboratory, trial):
        sent(sample, laboratory, specificities="Result QXJ")
        client = build.client(ward)
        address = reverse("patients:form", args=[trial.slug, sample.patient.code, "INF1", sample.form])
        shown = client.get(address).content.decode()
        assert "Specificities" not in shown
        assert "QXJ" not in shown
        answer = client.post(f"{address}?change=1", {"sampled_at": "10-Mar-2026 08:30", "class_i": "POS"})
        assert answer.status_code == 400
        assert "class_i" not in Record.objects.get(pk=sample.pk).values

    def test_a_reader_with_the_treatment_who_prepares_nothing_reads_and_does_not_enter(
        self, sample, laboratory, trial
    ):
        sent(sample, laboratory, specificities="A2, B7")
        client = build.client(build.user("unblinded_monitor", trial=trial))
        shown = client.get(page(sample)).content.decode()
        assert "A2, B7" in shown
        assert "data-save" not in shown
        assert client.post(page(sample), {"class_i": "POS"}).status_code == 403

    @pytest.mark.parametrize("role", ["coordinator", "data_manager", "monitor"])
    def test_a_changed_result_changes_no_byte(self, patient, ward, laboratory, trial, role):
        """BLD-01, BLD-03: page of the form, trail, search, listings and export, before and after."""
        measure(patient, ward, laboratory)
        client = build.client(build.user(role, trial=trial))
        home = f"/trials/{trial.slug}/"
        pages = [
            f"{home}patients/{patient.code}/", f"{home}patients/{patient.code}/visits/INF1/hla_antibodies/",
            f"{home}trail/?patient={patient.code}", f"{home}search/?q=A2", f"{home}forms/?format=csv",
            f"{home}queries/?format=csv", f"{home}masked-results/", f"{home}lists/changes/",
        ]  # fmt: skip

        def read():
            found = blinding.crawl(client, pages)
            found["export"] = blinding.shown(client.post(f"{home}exports/", {"purpose": "Reading"}))
            return found

        before = blinding.read_after(trial, blinding.as_it_is, read)
        assert not any(b"QXJ" in content for content in before.values())
        assert blinding.differences(before, blinding.read_after(trial, blinding.swap_arms, read)) == {}
        assert blinding.differences(before, blinding.read_after(trial, blinding.forget_products, read)) == {}


class TestTheFile:
    TEXT = build.protocol_text(build.COVID_MSV)

    def told(self, old: str, new: str) -> list[str]:
        assert old in self.TEXT
        return [str(each) for each in problems(self.TEXT.replace(old, new, 1))]

    def test_no_rule_reads_a_masked_item(self):
        """BLD-07: what follows from it would be seen by everybody."""
        told = self.told('violated = "before(sent_on, sampled_at)"', "violated = 'class_i == \"POS\"'")
        assert len(told) == 1
        assert told[0].startswith("forms.hla_antibodies.checks.HL02.violated: names the masked item")

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('id = "HL02", on = "sent_on"', 'id = "HL02", on = "class_i"', "names the masked item"),
            ('results = ["hla_antibodies"]', 'results = ["hla_antibodies.class_i"]', "names the masked item"),
            ('name = "class_i", masked', 'shown_when = "true", name = "class_i", masked', "does not have this key"),
            ('name = "mfi_highest", masked = true, required = false, type = "integer"',
             'name = "mfi_highest", masked = true, required = false, type = "time"', "is for integer"),
            ('masking = "double_blind"', 'masking = "open"', "in a masked trial only"),
        ],
    )  # fmt: skip
    def test_a_mistake_is_told(self, old, new, told):
        assert any(told in each for each in self.told(old, new))

    def test_the_next_version_does_not_unmask_an_item(self):
        from protocol.checking.mistakes import read
        from protocol.checking.succession import succession_problems

        before = read(self.TEXT)
        after = read(self.TEXT.replace('name = "class_i", masked = true', 'name = "class_i"', 1))
        assert [each.path for each in succession_problems(before, after)] == [
            "forms.hla_antibodies.class_i.masked"
        ]
        assert [each.path for each in succession_problems(after, before)] == [
            "forms.hla_antibodies.class_i.masked"
        ]


def test_results_are_in_the_export_of_those_who_may_know(sample, laboratory, trial):
    sent(sample, laboratory, specificities="A2, B7")
    found = exported(build.user("statistician", trial=trial), trial)
    rows = {row["item"]: row["value"] for row in table(found, "masked_results")}
    assert rows == {"class_i": "NEG", "class_ii": "NEG", "specificities": "A2, B7"}
    blinded = exported(build.user("data_manager", trial=trial), trial)
    assert "masked_results.csv" not in blinded.namelist()


def test_the_trail_of_a_result_is_read_with_the_treatment_only(sample, laboratory, trial):
    """AUD-15."""
    with acting(user=laboratory, role="cell_laboratory"):
        sent(sample, laboratory, specificities="Result QXJ")
    address = f"/trials/{trial.slug}/trail/?form=dosing.maskedresult"
    assert b"Masked result" in build.client(build.user("unblinded_monitor", trial=trial)).get(address).content
    assert b"QXJ" not in build.client(build.user("monitor", trial=trial)).get(address).content
