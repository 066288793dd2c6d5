"""Pages of adverse events, requested as by a browser and with forged requests."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import Signature
from patients.participation.milestones import Milestone
from patients.participation.questions import CONFIRMED
from safety.models import AdverseEvent
from tests.support import build
from tests.support.build import moment
from tests.support.pages.event_forms import day, listing, new, page, serious, text_of, typed

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(patient, doctor):
    return build.event(patient=patient, by=doctor)


class TestReporting:
    def test_the_new_form_is_empty(self, web, patient):
        """DAT-01: nothing checked, no preset date, nothing selected."""
        html = web.get(new(patient)).content.decode()
        form = html[html.index('<form class="card entry"') :]

        assert "checked" not in form
        assert not re.findall(r'<option value="[^"]+" selected', form)
        assert re.findall(r'<input type="text"[^>]* value="([^"]+)"', form) == []

    def test_an_event_that_is_not_serious_needs_at_most_ten_answers(self, web, patient):
        """Budget of the screens: at most ten required fields."""
        form = web.get(new(patient)).context["form"]
        required = [name for name, field in form.fields.items() if field.required]

        assert set(required) == {
            "term", "onset", "ongoing", "grade", "seriousness", "outcome", "action_taken", "aesi"
        }  # fmt: skip

    def test_a_reported_event_is_stored_and_its_page_opens(self, web, patient):
        response = web.post(new(patient), typed(patient), follow=True)
        event = AdverseEvent.objects.get()

        assert response.redirect_chain == [(page(event), 302)]
        assert (event.term, event.grade, event.causality, event.none_of_these) == (
            "Fever",
            2,
            "possible",
            True,
        )
        assert "AE 1 · Fever" in text_of(response)
        assert "AR" in text_of(response)

    def test_a_partial_date_is_taken_as_it_is(self, web, patient):
        """DAT-05."""
        month = f"{patient.screened_on + timedelta(days=20):%b %Y}"
        web.post(new(patient), typed(patient, onset=month, ongoing="Y", end="", outcome="recovering"))
        event = AdverseEvent.objects.get()

        assert len(event.onset) == len("2026-03")
        assert "UNK-" in text_of(web.get(page(event)))

    def test_a_double_click_saves_once(self, web, patient):
        """REL-13."""
        first = web.post(new(patient), typed(patient))
        second = web.post(new(patient), typed(patient))

        assert first.url == second.url
        assert AdverseEvent.objects.count() == 1

    def test_two_forms_have_two_keys(self, web, patient):
        keys = {web.get(new(patient)).context["form"]["save_key"].value() for _ in range(2)}
        assert len(keys) == 2

    def test_a_serious_event_starts_the_clock_that_every_page_of_the_patient_shows(self, web, patient):
        """CLK-01."""
        response = web.post(new(patient), serious(patient), follow=True)
        shown = text_of(response)

        assert "SAR" in shown
        assert "overdue by" in shown
        assert "24 h from awareness" in shown

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("term", " ", "This field is required"),
            ("grade", "", "This field is required"),
            ("grade", "6", "CTCAE 5.0 has these grades of “Fever”: 1, 2, 3, 4, 5."),
            ("grade", "-1", "CTCAE 5.0 has these grades of “Fever”: 1, 2, 3, 4, 5."),
            ("outcome", "better", "not one of the available choices"),
            ("aesi", "HEADACHE", "not one of the available choices"),
            ("seriousness", [], "This field is required"),
            ("seriousness", ["disability", "none_of_these"], "cannot be true together"),
            ("seriousness", ["severe"], "not one of the available choices"),
            ("onset", "31-Feb-2026", "There is no day 31"),
            ("onset", "soon", "is not a date"),
            ("end", "01-Jan-2019", "must not be before the onset"),
            ("term", "x" * 201, "at most 200"),
            ("term", "a\x00b", "Null characters"),
        ],
    )
    def test_a_refused_answer_is_shown_beside_its_field_and_nothing_typed_is_lost(
        self, web, patient, field, value, sentence
    ):
        """DAT-04: the server applies the rules although the browser's form is bypassed."""
        response = web.post(new(patient), typed(patient, **{field: value, "description": "Kept <b>text</b>"}))

        assert response.status_code == 422
        assert sentence in str(response.context["form"].errors[field])
        assert "Kept &lt;b&gt;text&lt;/b&gt;" in response.content.decode()
        assert "error-summary" in response.content.decode()
        assert not AdverseEvent.objects.exists()

    def test_a_serious_event_without_awareness_is_refused(self, web, patient):
        """CLK-01."""
        response = web.post(new(patient), serious(patient) | {"aware": ""})
        assert "the 24 hours start then" in str(response.context["form"].errors["aware"])

    def test_a_time_in_the_repeated_hour_is_asked_about(self, web, patient):
        """TIM: 02:30 happened twice on the night the clocks went back."""
        response = web.post(new(patient), typed(patient, end="25-Oct-2026 02:30"))
        assert "happened twice" in str(response.context["form"].errors["end"])

    def test_a_coordinator_reports_and_leaves_the_causality_to_the_investigator(self, trial, patient):
        """SAF-03, SEC-03: a field that is not on the form is ignored in a forged request."""
        web = build.client(build.user("coordinator", trial=trial))
        assert "causality" not in web.get(new(patient)).context["form"].fields
        web.post(new(patient), typed(patient, causality="unlikely"))

        assert AdverseEvent.objects.get().causality == ""

    @pytest.mark.parametrize(
        "extra", [{"number": "99"}, {"version": "7"}, {"reported": "2020"}, {"serious": "on"}, {"trial": "2"}]
    )
    def test_what_the_form_does_not_ask_is_refused(self, web, patient, extra):
        """SEC-03: mass assignment."""
        web.post(new(patient), typed(patient) | extra)
        event = AdverseEvent.objects.get()

        assert (event.number, event.version, event.reported, event.trial_id) == (1, 1, "", patient.trial_id)


class TestRights:
    @pytest.mark.parametrize("name", ["event", "amend", "sponsor", "strike-out"])
    def test_another_trials_event_does_not_exist(self, event, name):
        """SEC-02."""
        other = build.trial(build.COVID_MSV)
        stranger = build.client(build.user("investigator", trial=other))

        assert stranger.get(page(event, name)).status_code == 404
        assert stranger.get(page(event, name).replace("nct04445454", "nct04361942")).status_code == 404

    def test_another_trials_event_cannot_be_signed(self, event):
        """SEC-02."""
        other = build.trial(build.COVID_MSV)
        web = build.client(build.user("investigator", trial=other))
        address = reverse("safety:sign", args=[other.slug])

        assert web.get(address, {"event": event.pk}).status_code == 404
        posted = {"event": f"{event.pk}:1", "meaning": "review", "password": build.PASSWORD}
        assert web.post(address, posted).status_code == 404
        assert not Signature.objects.exists()

    @pytest.mark.parametrize("role", ["monitor", "data_manager", "statistician", "administrator", "inspector",
                                      "cell_laboratory"])  # fmt: skip
    def test_who_may_only_read_cannot_write(self, trial, patient, event, role):
        """ACC-01, ACC-02."""
        web = build.client(build.user(role, trial=trial))

        assert web.get(listing(trial)).status_code == 200
        assert web.get(page(event)).status_code == 200
        for address in (
            new(patient),
            page(event, "amend"),
            page(event, "sponsor"),
            page(event, "strike-out"),
        ):
            assert web.get(address).status_code == 403
            assert web.post(address, typed(patient)).status_code == 403
        assert web.post(reverse("safety:sign", args=[trial.slug]), {"event": event.pk}).status_code == 403
        assert AdverseEvent.objects.get() == event

    def test_a_coordinator_reports_but_does_not_sign(self, trial, event):
        web = build.client(build.user("coordinator", trial=trial))

        assert web.get(reverse("safety:sign", args=[trial.slug]), {"event": event.pk}).status_code == 403
        assert "data-select-all" not in web.get(listing(trial)).content.decode()

    @pytest.mark.parametrize("number", ["2", "0", "99999999999999999999", "x"])
    def test_an_event_that_does_not_exist_is_not_found(self, web, event, number):
        assert web.get(page(event).replace("/1/", f"/{number}/")).status_code == 404

    def test_nobody_reads_without_signing_in(self, client, trial, event):
        """P11-04."""
        for address in (listing(trial), page(event), page(event, "amend")):
            assert "login" in client.get(address).url

    def test_a_page_that_is_only_read_refuses_to_be_posted_to(self, web, trial):
        assert web.post(listing(trial)).status_code == 405


class TestTheEventsPage:
    def test_every_answer_is_shown_in_words(self, web, patient):
        web.post(new(patient), serious(patient, aesi="INFECTION_VIRAL", description="Cough\nand chills"))
        shown = text_of(web.get(page(AdverseEvent.objects.get())))

        seen = "SAR Serious adverse reaction,Hospitalisation,Possible,Recovered,Viral infection,Cough,"
        seen += f"{day(patient, 3)} 10:30,Site learned of the event,Nobody has signed"
        for words in seen.split(","):
            assert words in shown

    def test_typed_text_is_shown_as_text(self, web, patient):
        """D.2: stored script injection."""
        web.post(new(patient), typed(patient, term="<script>alert(1)</script>", description="<img src=x>"))
        event = AdverseEvent.objects.get()

        for address in (page(event), listing(patient.trial), page(event, "amend")):
            html = web.get(address).content.decode()
            assert "<script>alert(1)" not in html
            assert "<img src=x>" not in html

    def test_answers_that_disagree_are_pointed_out(self, web, patient):
        """SAF-02."""
        answers = typed(patient, grade="5", aware=f"{day(patient, 3)} 12:00")
        response = web.post(new(patient), answers)
        web.post(new(patient), {**answers, CONFIRMED: response.context["form"].token})
        assert "go together" in text_of(web.get(page(AdverseEvent.objects.get())))

    @pytest.mark.parametrize(
        "answers", [{"end": "1"}, {"aware": "1"}, {"aware": "6", "serious_aware": "5"}], ids=str
    )
    def test_a_refused_time_names_the_other_time_as_people_write_it(self, web, patient, answers):
        given = {name: f"{day(patient, int(days))} 12:00" for name, days in answers.items()}
        told = {"onset": f"{day(patient, 3)} 10:30", "end": f"{day(patient, 9)} 10:30", **given}
        response = web.post(new(patient), typed(patient, seriousness=["hospitalisation"], **told))
        errors = " ".join(str(each) for each in response.context["form"].errors.values())
        assert re.search(r"\(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d\)", errors), errors

    def test_the_event_knows_its_day_and_hours_since_each_infusion(self, web, patient, event, monkeypatch):
        """SAF-15: exact if the time is known, an interval if only the day is."""
        given = [
            Milestone(patient.pk, "infusion", 1, "Infusion 1", moment(f"{day(patient, 1)} 09:00")),
            Milestone(patient.pk, "infusion", 2, "Infusion 2", moment(f"{day(patient, 4)} 09:00")),
        ]
        monkeypatch.setattr("patients.participation.milestones.providers", [lambda patients: given])
        exact = build.event(patient=patient, onset=moment(f"{day(patient, 3)} 10:30"))

        shown = text_of(web.get(page(exact)))
        assert "D2 · 49 h 30 min after" in shown
        assert f"Infusion 1 {day(patient, 1)} 09:00" in shown
        assert "D−1 · 22 h 30 min before" in shown
        by_day = text_of(web.get(page(event)))
        assert "D1 " in by_day
        assert "min after" not in by_day

    def test_the_history_of_each_answer_is_one_click_away(self, web, event):
        """AUD-05."""
        links = re.findall(r'class="history-link" href="([^"]+)"', web.get(page(event)).content.decode())
        grade = next(link for link in links if link.endswith("item=grade")).replace("&amp;", "&")

        assert f"row=safety.adverseevent%3A{event.pk}" in grade
        assert web.get(grade).status_code == 200

    def test_reading_writes_nothing(self, web, event, django_assert_max_num_queries):
        with django_assert_max_num_queries(25) as captured:
            web.get(page(event))
        written = [
            q["sql"] for q in captured.captured_queries if re.match(r"(?i)(insert|update|delete)", q["sql"])
        ]
        assert [sql for sql in written if "session" not in sql] == []
