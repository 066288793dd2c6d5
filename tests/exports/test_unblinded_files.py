"""A file with the treatment of a masked trial says UNBLINDED: in its name, and in itself, by every channel (BLD-01)."""

import io
import json
import zipfile

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from audit.context import acting
from audit.export_register import Channel
from dosing.models import PlannedUnblinding
from exports.models import Document
from tests.support import build
from tests.support.pages.access_matrix import TRIAL_PAGES
from tests.support.pages.paper import Paper
from trials.blinding.unblinded_files import LINE, WORD
from trials.models import Trial

pytestmark = pytest.mark.django_db
UNBLINDED, BLINDED = "inspector", "data_manager"
# By channel: whether a file of an unblinded reader may hold the treatment. A new channel is decided here.
HOLDS = {
    Channel.LISTING: True, Channel.TRAIL: True, Channel.STUDY: True, Channel.DOCUMENT: True, Channel.COPY: True,
    Channel.DRAWING: True,
    # Only a figure by arm: tests/reports/study_figures reads each of them.
    Channel.FIGURE: True,
    # Who had access, an attached file of the ward, days, and an empty file: the same in both arms. The label of a bag
    # names no patient, that of a kit is the same in every arm.
    Channel.ACCESS: False, Channel.FILE: False, Channel.CALENDAR: False, Channel.TEMPLATE: False,
    Channel.LABELS: False,
}  # fmt: skip


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial)


def body(answer) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def name_of(answer) -> str:
    return answer["Content-Disposition"].partition('filename="')[2].rstrip('"')


def document(client: Client, trial: Trial, kind: str, **fields):
    """Return the answer with a requested document."""
    fields = {"kind": kind, "since": "01-Jan-2026", "until": "02-Jan-2026", **fields}
    address = client.post(reverse("documents:listing", args=[trial.slug]), fields)["Location"]
    return client.get(f"{address}file/")


def sent(client: Client, trial: Trial, patient) -> dict[str, list]:
    """Return the files of a reader by channel."""
    home = f"/trials/{trial.slug}/"
    return {
        Channel.LISTING: [client.get(f"{home}{page}/?format=csv") for page in listings(trial)],
        Channel.TRAIL: [client.get(f"{home}trail/?format=csv")],
        Channel.STUDY: [client.post(f"{home}exports/", {"purpose": "Reading"})],
        Channel.DRAWING: [client.get(reverse("reports:profile", args=[trial.slug, patient.code]))],
        Channel.DOCUMENT: [
            document(client, trial, "casebook", patient=patient.code),
            document(client, trial, "visit_report"),
            document(client, trial, "casebooks"),
        ],
    }


def listings(trial: Trial) -> list[str]:
    """Return the pages of the trial that send a listing as CSV, as those who see everything may ask for."""
    return [
        "infusions", "patients", "adverse-events", "deviations", "product-deviations", "masked-results", "forms",
        "queries", "allocation", "stock", "stock/movements", "register", "treatment-known",
    ]  # fmt: skip


def says(channel: str, answer, content: bytes) -> bool:
    """Return True if the file itself says that it holds the treatment."""
    if content.startswith(b"%PDF"):
        pages = Paper(content).pages
        return all(WORD in page for page in pages) and pages[0].count(WORD) == 2
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            papers = [name for name in archive.namelist() if name.endswith(".pdf")]
            return (
                archive.comment.decode() == LINE == manifest.get("warning")
                and all(WORD in name for name in papers)
            )  # fmt: skip
    first = content.decode("utf-8-sig").splitlines()[0]
    return LINE in first if channel == Channel.DRAWING else first == LINE


def test_every_channel_is_decided():
    assert set(HOLDS) == set(Channel)


def test_every_file_of_an_unblinded_reader_says_so(trial, patient):
    client = build.client(build.user(UNBLINDED, trial=trial))
    for channel, answers in sent(client, trial, patient).items():
        for answer in answers:
            content = body(answer)
            asked = f"{channel} {answer.request['PATH_INFO']}"
            assert name_of(answer).startswith(f"{WORD}-"), asked
            assert says(channel, answer, content), asked


def test_no_file_of_a_blinded_reader_says_so(trial, patient):
    """BLD-02: neither does it tell that there is another kind of file."""
    client = build.client(build.user(BLINDED, trial=trial))
    for channel, answers in sent(client, trial, patient).items():
        for answer in (each for each in answers if each.status_code == 200):
            content = body(answer)
            assert WORD not in name_of(answer)
            assert not says(channel, answer, content)
            assert WORD.encode() not in content


def test_no_file_of_an_open_trial_says_so():
    trial = build.trial()
    patient = build.enrolled(trial=trial)
    client = build.client(build.user(UNBLINDED, trial=trial))
    for answers in sent(client, trial, patient).values():
        for answer in (each for each in answers if "Content-Disposition" in each):
            assert WORD not in name_of(answer)
            assert WORD.encode() not in body(answer)


def test_the_copy_of_an_investigator_says_so_once_the_treatment_is_opened(trial, patient):
    """After the planned unblinding too: it opened the treatment for some roles, not for everybody."""
    doctor = build.user("investigator", trial=trial)
    before = document(build.client(doctor), trial, "investigator_copy")
    assert (WORD in name_of(before), says(Channel.COPY, before, body(before))) == (False, False)
    with acting(system="test"):
        PlannedUnblinding.objects.create(
            trial=trial, opened_to=["investigator"], reason="Analysis", opened_by=doctor
        )
        Trial.objects.filter(pk=trial.pk).update(opened_to=["investigator"])
    after = document(build.client(doctor), trial, "investigator_copy")
    assert name_of(after).startswith(f"{WORD}-")
    assert says(Channel.COPY, after, body(after))
    assert Document.objects.order_by("asked_at").last().treatment


def test_a_command_refuses_a_name_that_does_not_say_so(trial, patient, tmp_path):
    statistician = build.user("statistician", trial=trial)
    for command in ("export", "casebook"):
        options = {"trial": trial.slug, "user": statistician.username, "stdout": io.StringIO()}
        with pytest.raises(CommandError, match=f"its name has to say {WORD}"):
            call_command(command, out=tmp_path / f"{command}.pdf", **options)
        assert not list(tmp_path.iterdir())
    call_command("export", out=tmp_path / f"{WORD}.zip", **options)
    blinded = build.user(BLINDED, trial=trial)
    call_command("export", out=tmp_path / "study.zip", **{**options, "user": blinded.username})


def test_the_print_of_a_page_says_so_to_unblinded_readers_only(trial, patient):
    page = reverse("dosing:listing", args=[trial.slug])
    for role, marked in ((UNBLINDED, True), ("coordinator", False)):
        html = build.client(build.user(role, trial=trial)).get(page).content.decode()
        assert (f"{WORD}: this holds the treatment" in html) is marked


def test_every_page_that_sends_a_listing_is_among_those_that_are_read(trial, patient):
    """A new listing is marked unasked: one that is not read here is found."""
    client = build.client(build.user(UNBLINDED, trial=trial))
    for name in sorted(TRIAL_PAGES):
        if name in ("exports:index", "documents:file"):
            continue
        try:
            address = reverse(name, args=[trial.slug])
        except Exception:  # noqa: S112 (a page with further parameters is no listing of the trial)
            continue
        answer = client.get(address, {"format": "csv"})
        if answer.status_code != 200 or not answer.get("Content-Type", "").startswith("text/csv"):
            continue
        content = body(answer)
        if name in ("accounts:access", "laboratories:template"):
            assert WORD not in name_of(answer), name
        else:
            assert name_of(answer).startswith(WORD), name
            assert content.decode("utf-8-sig").splitlines()[0] == LINE, name
