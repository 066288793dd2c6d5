"""Every address as everybody, for an own object, another trial's and none: a part of the crawl of `make trust`."""

import pytest

from patients.models import Query
from patients.views import threads
from tests.support import build
from tests.trust.crawl import letters, rights, study
from tests.trust.crawl.crawler import Crawl
from trials.access import Access
from trials.models import Trial
from trials.roles import ROLES

pytestmark = pytest.mark.django_db

# Some 400 of 40,000 requests.
SHARE, SEED = 0.015, 2026


@pytest.fixture
def trials(db: None) -> tuple[Trial, Trial]:
    """A masked and an open trial, with an object behind every address."""
    return study.trial(build.COVID_MSV), study.trial(build.LIEGE)


def test_nobody_reads_or_does_what_the_roles_do_not_say(trials):
    """REL-11, SEC-01, SEC-02, P11-04: every address is stated and filled; a sample answers as stated."""
    crawl = Crawl(*trials, share=SHARE, seed=SEED)
    crawl.run()
    assert crawl.findings == {}
    assert crawl.counts["requests"] > 250
    assert crawl.counts["refused"] > 150


def test_every_role_is_crawled():
    """P11-07: a new role without a letter fails."""
    assert set(letters.ROLES.values()) == set(ROLES)


def test_a_page_that_forgets_its_trial_and_one_that_writes_are_found(trials, monkeypatch):
    """SEC-02, SEC-09: it shows another trial's query, which answers otherwise than none, and a look changes a row."""

    def query_of(request, number):
        Query.objects.filter(pk=number).update(batch="looked at")
        return Query.objects.get(pk=number)

    monkeypatch.setattr(threads, "query_of", query_of)
    crawl = Crawl(*trials, only=frozenset({"queries/*/"}), share=0.3, seed=SEED)
    crawl.run()
    assert {"existence_told", "told_of_another_trial", "without_a_right", "written"} <= set(crawl.findings)


def test_a_right_that_everybody_gets_and_an_address_that_nobody_stated_are_found(trials, monkeypatch):
    """SEC-01, P11-07: also a statement about an address that is gone."""
    monkeypatch.setattr(Access, "may", lambda self, permission: True)
    monkeypatch.setitem(rights.RIGHTS, "nothing/", rights.RIGHTS["forms/"])
    monkeypatch.delitem(rights.RIGHTS, "forms/")
    crawl = Crawl(*trials, only=frozenset({"queries/*/answer/"}), share=0.3, seed=SEED)
    crawl.run()
    assert set(crawl.findings) == {"without_a_right", "unstated"}
    assert crawl.findings["unstated"] == [
        "trials/*/forms/",
        "trials/*/nothing/ is stated, and does not exist",
    ]
