"""Pages are compressed for browsers that accept it; downloads are sent unchanged."""

import gzip

import pytest

from tests.support.pages.home import HOME
from tests.support.study import cohort

pytestmark = pytest.mark.django_db

TAKES = {"Accept-Encoding": "gzip, br"}
A_REPEATED_VISIT = 25_000
"""Most bytes of a page whose styles and scripts the browser has cached."""


def test_home_with_fifty_patients_is_within_the_weight_of_a_repeated_visit(trial, desk):
    cohort.patients(trial, 50)
    answer = desk.get(HOME, headers=TAKES)
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) <= A_REPEATED_VISIT < len(gzip.decompress(answer.content))


def test_who_does_not_take_compressed_pages_gets_them_plain(desk):
    plain, packed = desk.get(HOME), desk.get(HOME, headers=TAKES)
    assert not plain.has_header("Content-Encoding")
    assert "Accept-Encoding" in plain["Vary"]
    assert b"<!doctype html>" in plain.content.lower()
    assert b"<!doctype html>" in gzip.decompress(packed.content).lower()


def test_the_length_does_not_reveal_what_a_page_holds(desk):
    """BREACH: the same page has another length each time it is sent."""
    assert len({len(desk.get(HOME, headers=TAKES).content) for _ in range(20)}) > 1


def test_a_download_is_sent_as_it_is(trial, desk):
    """Rows are streamed as the database returns them."""
    cohort.patients(trial, 1)
    answer = desk.get(f"{HOME}adverse-events/?format=csv", headers=TAKES)
    assert not answer.has_header("Content-Encoding")
    assert b"".join(answer.streaming_content).count(b"\n") > 1


def test_a_refusal_is_compressed_too(desk):
    answer = desk.get(f"{HOME}%00", headers=TAKES)
    assert answer.status_code == 400
    assert b"Nothing was saved" in gzip.decompress(answer.content)
