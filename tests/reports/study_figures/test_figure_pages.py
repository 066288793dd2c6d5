"""The pages of the figures of a trial, their files, and what holds for every registered figure."""

import csv
import hashlib
import io
import re

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from audit.context import acting
from audit.models import AccessEvent
from dosing.allocation.lists import generate_list
from reports.study_figures.contract import FigureView
from reports.study_figures.files import csv_rows, svg_file
from reports.study_figures.registry import FIGURES, figure_of, offered_to
from tests.support import build
from tests.support.pages import blinding
from tests.support.pages.clicking import plain
from tests.support.study.bedside import INCLUDED
from trials.access import access_to
from trials.reader import in_english
from trials.roles import ROLES

pytestmark = pytest.mark.django_db
KEYS = [each.key for each in FIGURES]
MOST_BYTES = 40_000


@pytest.fixture(params=[build.LIEGE, build.COVID_MSV])
def trial(request):
    return build.trial(request.param)


def page(name: str, trial, *more: str) -> str:
    return reverse(f"reports:{name}", args=[trial.slug, *more])


def body_of(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def drawn(reader, trial, key: str):
    """Return the figure of a page, or None if the trial does not have it."""
    answer = build.client(reader).get(page("figure", trial, key))
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200
    return answer.context["drawn"]


def says_something(figure) -> bool:
    """Return True if there is a drawing with marks, or a sentence why not."""
    return bool(figure.why) if not figure.drawings else all(each.figure.label for each in figure.drawings)


def test_every_figure_has_a_name_of_its_own():
    assert len(set(KEYS)) == len(KEYS)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) for key in KEYS)


def test_the_list_leads_to_every_figure_of_the_trial(trial):
    """OUT-06."""
    reader = build.user("coordinator", trial=trial)
    browser = build.client(reader)
    text = browser.get(page("figures", trial)).content.decode()
    offered = offered_to(access_to(user=reader, slug=trial.slug))
    assert offered
    for each in offered:
        assert f'href="{page("figure", trial, each.key)}"' in text
        assert str(each.title) in plain(text)


@pytest.mark.parametrize("key", KEYS)
def test_a_figure_says_something_true_of_no_patient_of_one_and_of_no_event(trial, key):
    """OUT-06: an empty trial, a patient in screening, an included patient."""
    doctor = build.user("investigator", trial=trial)
    reader = build.user("inspector", trial=trial)
    empty = drawn(reader, trial, key)
    if empty is None:
        return
    assert says_something(empty)
    build.patient(trial=trial)
    assert says_something(drawn(reader, trial, key))
    build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    assert says_something(drawn(reader, trial, key))


@pytest.mark.parametrize("key", KEYS)
def test_the_shapes_of_a_figure_stay_inside_it(trial, key):
    """OUT-06: also in the file, which shows nothing beyond its edge."""
    doctor = build.user("investigator", trial=trial)
    build.event(patient=build.enrolled(trial=trial, on=INCLUDED, investigator=doctor), by=doctor)
    figure = drawn(build.user("inspector", trial=trial), trial, key)
    for drawing in figure.drawings if figure else ():
        outside = [each for each in drawing.figure.shapes if not drawing.figure.box.holds(each.box, slack=8)]
        assert outside == []


@pytest.mark.parametrize("key", KEYS)
def test_each_file_is_sent_and_registered(trial, key):
    """OUT-06, PRV-04: SVG, PNG and CSV, each with its hash in the export register."""
    doctor = build.user("investigator", trial=trial)
    build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    reader = build.user("inspector", trial=trial)
    browser, figure = build.client(reader), drawn(reader, trial, key)
    if figure is None:
        return
    names = [f"?drawing={each.name}" for each in figure.drawings]
    files = [(page(f"figure-{kind}", trial, key) + name, kind) for kind in ("svg", "png") for name in names]
    for address, kind in [*files, (page("figure-csv", trial, key), "csv")]:
        answer = browser.get(address)
        content = body_of(answer)
        assert f".{kind}" in answer["Content-Disposition"]
        register = AccessEvent.objects.filter(detail__channel="figure").order_by("-pk").first()
        assert register is not None
        assert register.detail["sha256"] == hashlib.sha256(content).hexdigest()
        if kind == "svg":
            assert len(content) <= MOST_BYTES
            assert b"class=" not in content
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [column.name for column in figure.table.columns] in rows[:2]


@pytest.mark.parametrize("key", KEYS)
def test_the_csv_is_the_same_in_every_language(trial, key):
    """OUT-06: one format for who reads French or Spanish and for who reads English; only the page has their words."""
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    build.event(patient=patient, by=doctor)
    access = access_to(user=build.user("inspector", trial=trial), slug=trial.slug)
    figure = figure_of(trial.rules, key)

    def rows(language: str) -> list[list[str]]:
        with override(language):
            drawn = figure.draw(FigureView(access, language, now))
            return list(in_english(lambda: csv_rows(drawn.table)))

    now = timezone.now()
    assert figure is None or rows("fr") == rows("es") == rows("en")


def test_an_unknown_figure_or_drawing_is_not_found(trial):
    browser = build.client(build.user("inspector", trial=trial))
    assert browser.get(page("figure", trial, "nothing")).status_code == 404
    assert browser.get(page("figure-svg", trial, "nothing")).status_code == 404
    assert browser.get(page("figure-svg", trial, "recruitment") + "?drawing=nothing").status_code == 404


def test_without_the_typesetter_the_page_offers_no_png(trial, monkeypatch):
    """OUT-06: the address answers with a sentence."""
    monkeypatch.setattr("reports.study_figures.files.find_spec", lambda _name: None)
    browser = build.client(build.user("inspector", trial=trial))
    assert "figure.png" not in browser.get(page("figure", trial, "recruitment")).content.decode()
    refused = browser.get(page("figure-png", trial, "recruitment"))
    assert (refused.status_code, "This installation makes no PNG" in refused.content.decode()) == (503, True)


@pytest.mark.parametrize("key", KEYS)
def test_a_figure_takes_the_same_queries_for_one_patient_and_three(trial, key, django_assert_max_num_queries):
    doctor = build.user("investigator", trial=trial)
    browser = build.client(build.user("coordinator", trial=trial))
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    address = page("figure", trial, key)
    browser.get(address)
    for _number in range(3):
        build.event(patient=patient, by=doctor)
        with django_assert_max_num_queries(20):
            browser.get(address)
        patient = build.neighbour(patient)


def test_the_list_of_the_figures_takes_few_queries(trial, django_assert_max_num_queries):
    browser = build.client(build.user("coordinator", trial=trial))
    browser.get(page("figures", trial))
    with django_assert_max_num_queries(6):
        browser.get(page("figures", trial))


def test_only_the_treatment_opened_to_a_reader_marks_a_file():
    """BLD-01: a pooled figure of a masked trial is an ordinary file also for an unblinded reader."""
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        build.enrolled(trial=trial, on=INCLUDED)
    answer = build.client(build.user("statistician", trial=trial)).get(
        page("figure-svg", trial, "recruitment")
    )
    assert "UNBLINDED" not in answer["Content-Disposition"]
    assert b"UNBLINDED" not in answer.content


@pytest.fixture
def masked():
    """The masked trial with a person in each role, and two patients included, one in each arm."""
    trial = build.trial(build.COVID_MSV)
    staff = {role: build.user(role, trial=trial) for role in ROLES}
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    for _arm in range(2):
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=staff["investigator"])
        build.event(patient=patient, by=staff["investigator"])
    return trial, staff


@pytest.mark.parametrize(
    "role", ["coordinator", "data_monitoring_board", "blinded_statistician", "sponsor_safety"]
)
def test_no_figure_differs_for_a_blinded_reader_when_the_arms_are_exchanged_or_nothing_is_allocated(
    masked, role
):
    """BLD-01, BLD-02, BLD-03: drawings, notes and data; tests/dosing/test_blinding.py reads pages and files too."""
    trial, staff = masked

    def read():
        access = access_to(user=staff[role], slug=trial.slug)
        view = FigureView(access, "en", timezone.now())
        figures = {each.key: each.draw(view) for each in offered_to(access)}
        return {
            key: (
                [svg_file(each.figure, title=each.title) for each in figure.drawings],
                list(csv_rows(figure.table)), figure.notes, figure.methods, figure.why, figure.treatment,
            )
            for key, figure in figures.items()
        }  # fmt: skip

    with time_machine.travel(timezone.now(), tick=False):
        before = blinding.read_after(trial, blinding.as_it_is, read)
        assert not any(parts[-1] for parts in before.values())
        for change in (blinding.swap_arms, blinding.forget_products):
            assert blinding.read_after(trial, change, read) == before


def test_the_flow_of_people_differs_for_who_may_know_the_arms(masked):
    """BLD-01: or the test above would prove nothing."""
    trial, staff = masked
    with acting(system="test"):
        lost = trial.patients.order_by("number").first()
        trial.patients.filter(pk=lost.pk).update(state="ended", ended_on=INCLUDED, end_reason="lost")

    def read():
        access = access_to(user=staff["statistician"], slug=trial.slug)
        view = FigureView(access, "en", timezone.now())
        return list(csv_rows(figure_of(trial.rules, "consort").draw(view).table))

    assert blinding.read_after(trial, blinding.as_it_is, read) != blinding.read_after(
        trial, blinding.swap_arms, read
    )
