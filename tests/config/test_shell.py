"""Layout of every page: colours, status glyphs, content policy, navigation, the patient's header."""

import gzip
import re
import zipfile
from datetime import timedelta
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import lucide
import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import timezone

from audit.context import acting
from dosing.models import Infusion, Preparation
from patients.templatetags.status import LEGEND, STATES
from protocol.values.moments import Moment
from reports.casebook.subject import header
from tests.support import build
from trials.access import access_to

ROOT = Path(__file__).resolve().parents[2]
CSS = (ROOT / "static/stroma.css").read_text(encoding="utf-8")
SPRITE = (ROOT / "static/status.svg").read_text(encoding="utf-8")
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
GLYPHS = {
    "not_started",
    "due",
    "overdue",
    "draft",
    "complete",
    "verified",
    "missed",
    "struck_out",
    "signed",
    "locked",
    "query",
    "not_applicable",
    "infusion_given",
    "infusion_planned",
    "infusion_not_given",
}
TONES = ("none", "due", "late", "draft", "done", "checked", "signed", "locked", "query")
GROUNDS = ("canvas", "surface", "sunken")

TEXT = [
    *product(("ink", "quiet", "accent", "accent-deep", "late", "draft", "done"), GROUNDS),
    *[(tone, f"{tone}-wash") for tone in TONES if tone != "none"],
    *[("ink", f"{tone}-wash") for tone in TONES],
    *[("quiet", f"{tone}-wash") for tone in TONES],
    ("on-accent", "accent"),
    ("on-accent", "accent-deep"),
    ("surface", "late"),
    ("surface", "query"),
    ("side-ink", "side"),
    ("side-quiet", "side"),
    ("env-ink", "env"),
    ("tip-ink", "tip"),
    ("on-pale", "g1"),
    ("on-pale", "g2"),
    ("on-pale", "g3"),
    ("on-deep", "g4"),
    ("on-deep", "g5"),
    ("ink", "band"),
    ("quiet", "band"),
    ("late", "band"),
]
MARKS = [
    *product(TONES, GROUNDS),
    *product(("edge", "focus", "accent"), GROUNDS),
    ("side-focus", "side"),
    *[(f"g{grade}-rim", "surface") for grade in range(1, 6)],
    *product(("accent", "late", "done", "checked", "signed", "medication", "edge"), ("surface", "band")),
]


def tokens(block):
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block))


def block_after(selector):
    start = CSS.index(selector) + len(selector)
    return CSS[start : CSS.index("}", start)]


LIGHT = tokens(block_after(":root {"))
DARK = LIGHT | tokens(block_after("[data-bs-theme=dark] {"))


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(theme):
    """WCAG 1.4.3: 4.5 to 1, in the interface and in the figures, which axe does not look into."""
    weak = {pair: contrast(theme[pair[0]], theme[pair[1]]) for pair in TEXT}
    assert {pair: value for pair, value in weak.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_glyphs_borders_and_marks_of_figures_stand_out_from_their_ground(theme):
    """WCAG 1.4.11: 3 to 1."""
    weak = {pair: contrast(theme[pair[0]], theme[pair[1]]) for pair in MARKS}
    assert {pair: value for pair, value in weak.items() if value < 3} == {}


def test_the_dark_theme_is_the_same_whether_chosen_or_followed_from_the_system():
    """No script decides the theme, so its colours are written twice."""
    assert block_after("[data-bs-theme=dark] {") == block_after("[data-bs-theme=auto] {")


@pytest.mark.parametrize(("name", "kilobytes"), [("stroma.css", 10), ("stroma.js", 8), ("status.svg", 2)])
def test_the_files_of_the_theme_stay_small(name, kilobytes):
    """Budget of the first visit."""
    assert len(gzip.compress((ROOT / "static" / name).read_bytes(), 9)) <= kilobytes * 1000


def test_every_state_has_a_shape_of_its_own():
    """WCAG 1.4.1: never by colour alone."""
    drawn = dict(re.findall(r'<symbol id="(\w+)"[^>]*>(.*?)</symbol>', SPRITE))
    assert set(drawn) == GLYPHS
    assert len(set(drawn.values())) == len(GLYPHS)
    assert {glyph for glyph, _tone, _words in STATES.values()} == GLYPHS


def drawn(source, **context):
    return Template("{% load status %}" + source).render(Context(context))


def test_the_glyph_says_its_state_to_who_cannot_see_it():
    """Every cell of a matrix can be heard and printed."""
    html = drawn('{% status "complete" "query" of="LIE-007 D28" %}')
    assert 'title="LIE-007 D28: Complete, open query"' in html
    assert '<span class="visually-hidden">LIE-007 D28: Complete, open query</span>' in html
    assert re.findall(r"#(\w+)", html) == ["complete", "query"]


def test_a_form_that_is_not_started_shows_that_it_is_overdue_instead():
    """Due and overdue are flags on the lifecycle."""
    assert re.findall(r"#(\w+)", drawn('{% status "not_started" "overdue" %}')) == ["overdue"]
    assert re.findall(r"#(\w+)", drawn('{% status "draft" "overdue query" %}')) == [
        "draft",
        "overdue",
        "query",
    ]


def test_an_unknown_state_is_refused():
    """A new state needs a shape and words before it is shown."""
    with pytest.raises(KeyError):
        drawn('{% status "half_done" %}')


def test_the_legend_explains_every_glyph_that_asks_for_work():
    """The legend follows the states."""
    html = render_to_string("components/legend.html")
    assert html.count("<li>") == len(LEGEND)


def test_the_words_of_a_state_are_escaped():
    """Subject codes come from a protocol file."""
    assert "<b>" not in drawn("{% status state of=code %}", state="draft", code="<b>")


class Inline(HTMLParser):
    """Collect what the content policy would refuse."""

    def __init__(self):
        super().__init__()
        self.refused = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        data = given.get("type") == "application/json"
        if tag == "style" or "style" in given or (tag == "script" and "src" not in given and not data):
            self.refused.append((tag, given))
        self.refused += [(tag, name) for name in given if name.startswith(("on", "hx-on"))]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_holds_inline_style_or_script(path):
    """SEC-11: `default-src 'self'` and nothing else."""
    parser = Inline()
    parser.feed(re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(encoding="utf-8")))
    assert parser.refused == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_two_landmarks_of_a_template_have_one_name(path):
    """WCAG 2.4.1: who jumps from landmark to landmark hears where each leads; a patient has one breadcrumb."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r'(?:<section(?![^>]* role=)|<nav|role="region")[^>]* aria-labelledby="([^"]+)"', text)
    assert {name for name in named if named.count(name) > 1} == set()
    if '{% extends "patient_base.html" %}' in text:
        assert '{% translate "Breadcrumb" %}' not in text


def test_every_icon_a_template_names_exists():
    """A missing icon would be a 500 on a page that is rarely opened."""
    with zipfile.ZipFile(Path(lucide.__file__).parent / "lucide.zip") as icons:
        known = {name.removesuffix(".svg") for name in icons.namelist()}
    named = {
        (path.name, icon)
        for path in TEMPLATES
        for icon in re.findall(r'(?:\{% lucide |icon=)"([\w-]+)"', path.read_text(encoding="utf-8"))
    }
    assert {pair for pair in named if pair[1] not in known} == set()


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "409", "429", "500"])
def test_error_pages_need_no_request(name):
    """SEC-19: the page of a fault must not fail itself."""
    html = render_to_string(f"{name}.html")
    assert html.count("<h1") == 1
    assert "To my trials" in html


def menu(role, trial):
    page = build.client(build.user(role, trial=trial)).get(f"/trials/{trial.slug}/").content.decode()
    return re.findall(r'<span class="label">([^<]+)</span>', page)


WORK = [
    "Home",
    "Calendar",
    "Patients",
    "Pre-screening",
    "Consents and eligibility",
    "Infusions",
    "Stock",
    "Adverse events",
    "Laboratory results",
    "Deviations",
    "Holds",
    "Contacts",
    "Samples",
    "Shipments",
]
WORK += ["Forms", "Queries", "Source verification", "To sign", "Outcomes", "Figures", "Annual safety report"]
WORK += ["Data quality", "Own questions", "Reports", "Documents"]
FIGURES = WORK.index("Own questions") + 1
TRIAL = ["Protocol", "Laboratories", "People and roles", "Training", "Database lock", "Reported problems"]
OPEN = [place for place in TRIAL if place != "People and roles"]


@pytest.mark.parametrize(
    ("role", "places"),
    [
        ("coordinator", [*WORK, "Export register", "Audit trail", *TRIAL]),
        ("cell_laboratory", [*WORK[:7], "Instructions for treatment", *WORK[7:], *OPEN]),
        (
            "data_manager",
            [
                *WORK[:FIGURES],
                "Reconciliation",
                *WORK[FIGURES:],
                "Exports",
                "Export register",
                "Audit trail",
                *TRIAL,
            ],
        ),
        (
            "statistician",
            [
                *WORK[:FIGURES],
                "Closed report",
                *WORK[FIGURES:],
                "Exports",
                "Export register",
                "Audit trail",
                *OPEN,
            ],
        ),
    ],
)
def test_the_navigation_offers_what_the_role_may_open(role, places, trial):
    """P11-07: nothing is offered that would be refused."""
    assert menu(role, trial) == places


def test_the_page_names_trial_environment_role_and_where_one_is(trial):
    """TRAINING or PRODUCTION is said in words, never by colour alone."""
    page = (
        build.client(build.user("coordinator", trial=trial))
        .get(f"/trials/{trial.slug}/people/")
        .content.decode()
    )
    assert "NCT04445454" in page
    assert re.search(r'class="env env-test">.*?Test</span>', page, re.DOTALL)
    assert "Study coordinator" in page
    assert re.findall(r'aria-current="page" title="([^"]+)"', page) == ["People and roles"]


def test_pages_of_patients_and_people_are_not_stored_by_the_browser(trial):
    """PRV-05, SEC-22: `Cache-Control: no-store` on every page of a trial."""
    answer = build.client(build.user("coordinator", trial=trial)).get(f"/trials/{trial.slug}/people/")
    assert "no-store" in answer["Cache-Control"]


def test_the_content_policy_is_sent_with_every_page_even_a_missing_one():
    """SEC-11, SEC-12."""
    for address in ("/accounts/login/", "/nowhere/"):
        policy = Client().get(address)["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def facts(patient, person):
    access = access_to(user=person, slug=patient.trial.slug)
    return {str(label): text for label, text in header(patient, access).facts}


def test_the_header_shows_consent_and_status_of_a_patient_in_screening(trial):
    """The subject header is on every page of a patient."""
    patient = build.patient(trial=trial)
    shown = header(patient, access_to(user=build.user("monitor", trial=trial), slug=trial.slug))
    assert shown.code == patient.code
    assert str(shown.status) == "Screening"
    assert shown.facts == [("Consent", "None yet")]
    assert shown.clocks == []


def prepared(patient):
    person = build.user("cell_laboratory", trial=patient.trial)
    with acting(system="test"):
        infusion = Infusion.objects.create(patient=patient, number=1, state="planned")
        Preparation.objects.create(infusion=infusion, patient=patient, lot="L-0815", prepared_by=person)


def test_the_lot_is_shown_only_to_who_may_know_the_treatment(db):
    """BLD-01, CEL-18: product data unblind."""
    masked = build.trial(build.COVID_MSV)
    patient = build.patient(trial=masked)
    before = facts(patient, build.user("coordinator", trial=masked))
    prepared(patient)
    assert facts(patient, build.user("coordinator", trial=masked)) == before
    assert facts(patient, build.user("statistician", trial=masked))["Lot"] == "L-0815"


def test_in_an_open_trial_everybody_sees_the_lot(trial):
    """An open trial has nothing to hide in its header."""
    patient = build.patient(trial=trial)
    prepared(patient)
    assert facts(patient, build.user("coordinator", trial=trial))["Lot"] == "L-0815"


def test_an_open_serious_event_shows_its_clock_on_every_page_of_the_patient(trial):
    """CLK-01: 24 hours from awareness, with the time that is left."""
    investigator = build.user("investigator", trial=trial)
    patient = build.patient(trial=trial, by=investigator)
    aware = Moment.from_datetime(timezone.now() - timedelta(hours=18, minutes=30), "Europe/Brussels")
    serious = {"seriousness": frozenset({"hospitalisation"}), "grade": 3, "aware": aware}
    build.event(patient=patient, by=investigator, term="Pulmonary embolism", **serious)
    page = build.client(investigator).get(f"/trials/{trial.slug}/patients/{patient.code}/consent/")
    banner = page.content.decode().split('class="banner tone-late"')[1].split("</div>")[0]
    assert "SAE “Pulmonary embolism” (grade 3)" in banner
    assert re.search(r"due in 5 h (29|30) min \(24 h from awareness on", banner)


def test_the_header_costs_few_queries(trial, django_assert_num_queries):
    """Budget of the casebook."""
    patient = build.patient(trial=trial)
    access = access_to(user=build.user("coordinator", trial=trial), slug=trial.slug)
    with django_assert_num_queries(4):
        header(patient, access)


def test_the_session_dialog_knows_when_the_session_ends(trial):
    """ACC-05: warned two minutes before."""
    page = (
        build.client(build.user("coordinator", trial=trial))
        .get(f"/trials/{trial.slug}/people/")
        .content.decode()
    )
    seconds = int(re.search(r'data-seconds="(\d+)"', page)[1])
    assert 890 <= seconds <= 900


def test_the_form_owner_is_the_same_on_every_page_of_a_day(trial):
    """REL-12: a page must not differ from itself, so that the blind crawl can compare bytes."""
    request = RequestFactory().get("/")
    request.user = build.user("coordinator", trial=trial)
    tag = Template("{% load signin %}{% form_owner %}")
    assert tag.render(Context({"request": request})) == tag.render(Context({"request": request}))
