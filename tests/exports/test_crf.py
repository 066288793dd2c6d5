"""The blank and the annotated case report form, and the monitoring visit report."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from audit.context import acting
from patients.casebook.facts import KINDS, Fact
from patients.models import Mark
from patients.queries import threads
from tests.support import build
from tests.support.pages.paper import Paper
from tests.support.study.casebooks import full_patient

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]


@pytest.fixture
def patient(trial, doctor):
    return full_patient(trial, doctor)


class TestCrf:
    def printed(self, trial, folder: Path, *, annotated: bool) -> Paper:
        out = folder / "crf.pdf"
        call_command("blank_crf", trial=trial.slug, out=out, annotated=annotated, stdout=io.StringIO())
        return Paper(out)

    @pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
    def test_every_question_of_the_protocol_is_on_the_blank_form(self, slug, tmp_path):
        """BKP-02: label, choices and unit of every item, without codes that only software needs."""
        trial = build.trial(slug)
        paper = self.printed(trial, tmp_path, annotated=False)
        for form in trial.rules.forms.values():
            assert paper.holds(form.title.in_language("en"))
            for each in form.items:
                assert paper.holds(each.label.in_language("en")), (form.code, each.name)
                for choice in () if each.is_calculated else each.choices:
                    assert paper.holds(choice.label.in_language("en"))

    @pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
    def test_the_annotated_form_shows_names_codes_limits_and_conditions(self, slug, tmp_path):
        """Every item has its annotation."""
        trial = build.trial(slug)
        paper = self.printed(trial, tmp_path, annotated=True)
        for form in trial.rules.forms.values():
            for each in (item for one in form.items for item in (one, *one.columns)):
                assert paper.holds(each.name), each.name
                assert paper.holds(each.cdisc or "")
                assert all(paper.holds(choice.code) for choice in each.choices)
                if each.hard:
                    assert paper.holds(f"Possible: {each.hard.lowest:f} – {each.hard.highest:f}")
        assert paper.holds("Asked if: “Woman of childbearing potential” is “Yes”")

    def test_the_forms_are_those_of_the_version_asked_for(self, trial, tmp_path):
        with pytest.raises(Exception, match="no such protocol version"):
            call_command("blank_crf", trial=trial.slug, out=tmp_path / "none.pdf", protocol="9.9")


def test_a_visit_report_shows_what_was_asked_in_the_period_and_what_is_open(trial, patient, tmp_path):
    """Monitoring: a query raised today is in today's report and, because it is open, in last month's."""
    today = trial.today

    def report(first, last) -> Paper:
        out = tmp_path / f"{first}.pdf"
        call_command("visit_report", f"--since={first}", f"--until={last}", trial=trial.slug, out=out,
                     stdout=io.StringIO())  # fmt: skip
        return Paper(out)

    now, earlier = report(today, today), report(today - timedelta(days=40), today - timedelta(days=20))
    assert now.holds("Is this the weight of the day?")
    assert now.holds("Queries raised")
    assert earlier.text.count("Isthistheweightoftheday?") == 1
    assert now.text.count("Isthistheweightoftheday?") == 2


def test_queries_and_verification_outside_the_forms_are_on_paper(trial, patient, tmp_path):
    """P11-02: the visit report and the casebook name the consent, what was asked about it, and who compared it."""
    monitor = build.user("monitor", trial=trial, full_name="Marta Ortega")
    (consent,) = KINDS["consent"].rows(list(patient.consents.values_list("pk", flat=True))[:1])
    with acting(user=monitor, role="monitor"):
        threads.raise_fact_query(
            fact=Fact(KINDS["consent"], consent, "given"), text="Before the sample?", origin="monitor", by=monitor,
            role="monitor",
        )  # fmt: skip
        Mark.objects.create(
            patient=patient, target="consent", target_id=consent.pk, item="version", kind="verification", by=monitor,
            role="monitor",
        )  # fmt: skip
    out, day = tmp_path / "report.pdf", trial.today
    call_command(
        "visit_report", f"--since={day}", f"--until={day}", trial=trial.slug, out=out, stdout=io.StringIO()
    )
    report = Paper(out)
    assert report.text.count("Beforethesample?") == 2
    assert report.holds("Version of the form")
    casebook = tmp_path / "casebook.pdf"
    call_command("casebook", trial=trial.slug, patient=patient.code, out=casebook, stdout=io.StringIO())
    assert Paper(casebook).holds("Before the sample?")
