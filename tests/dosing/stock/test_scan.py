"""One field takes a scan anywhere in the chain: label, European code, donation number, or what people type."""

from datetime import UTC, datetime

import pytest

from audit.context import acting
from dosing.stock.chain import record_donation
from dosing.stock.identifiers import gs1
from dosing.stock.labels.scan import bag_scanned, scanned
from dosing.stock.receiving import receive
from tests.support import build
from tests.support.study import product_chain as chain
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "laboratory_acts")]

CODE = "BE000042A999918123457A00S123400120400630"


@pytest.fixture
def laboratory_acts(trial):
    with acting(user=chain.technician(trial), role="cell_laboratory", origin="web"):
        yield


@pytest.fixture
def bag(trial):
    """A bag with a Single European Code, of a donation with an ISBT 128 number."""
    by = chain.technician(trial)
    record_donation(
        donor=chain.donor(trial), identification="A999918123457R", scheme="isbt128", donated_on=chain.DONATED,
        tissue="Bone marrow", by=by,
    )  # fmt: skip
    lot = chain.released(trial)
    new = {"number": "B-1", "european_code": CODE}
    return receive(lot=lot, bags=[new], place="Tank", at=datetime(2020, 1, 1, tzinfo=UTC), by=by)[0]


@pytest.mark.parametrize(
    "text",
    ["B-1", " b-1 ", CODE, f"{CODE[:21]} {CODE[21:]}", "]d2" + "7240NCT04445454\x1d10L-1\x1d21B-1",
     "17400630" + "10L-1\x1d21B-1"],
)  # fmt: skip
def test_a_bag_is_found_by_whatever_its_label_carries(trial, bag, text):
    """CEL-02, CEL-08."""
    assert scanned(trial, text) == bag
    assert bag_scanned(trial, text) == bag


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("L-1", "lot", "L-1"),
        ("]d210L-1", "lot", "L-1"),
        ("D-17", "donor", "D-17"),
        ("A9999 18 123457 R", "donation", "A999918123457"),
        ("=A99991812345700", "donation", "A999918123457"),
        ("A999918123457", "donation", "A999918123457"),
    ],
)
def test_lot_donor_and_donation_are_found_in_the_same_field(trial, bag, text, kind, code):
    """CEL-01: anywhere in the chain."""
    found = scanned(trial, text)
    assert (found._meta.model_name, str(found)) == (kind, code)
    assert "is not a bag" in refused(bag_scanned, trial, text)["scan"][0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Scan or type a number."),
        ("B-99", "“B-99” is not in the stock of this trial."),
        ("A999918123457S", "“A999918123457S” has a wrong check character: scan it again."),
        ("A999918123475R", "“A999918123475R” has a wrong check character: scan it again."),
        ("ZZ" + CODE[2:], f"“ZZ{CODE[2:]}”: “ZZ” is not a country of the European code."),
        ("]d21727063121B-1", "“]d21727063121B-1”: “270631” is not a day of expiry."),
    ],
)
def test_a_wrong_scan_is_refused_with_its_reason(trial, bag, text, words):
    """CEL-02, CEL-03: a wrong check character is said, not that nothing has the number."""
    assert refused(scanned, trial, text) == {"scan": [words]}


def test_a_bag_of_another_trial_is_not_found(trial, bag):
    other = build.trial(build.COVID_MSV)
    assert list(refused(scanned, other, "B-1")) == ["scan"]


def test_a_label_that_we_print_is_read(trial, bag):
    printed = gs1.element_string(
        {"7240": "NCT04445454", "10": bag.lot.number, "17": chain.EXPIRES, "21": bag.number}
    )
    assert scanned(trial, "]d2" + printed) == bag
