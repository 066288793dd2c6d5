"""A listing filters, sorts, pages and exports the same rows, at a cost that does not grow with the table."""

import csv
import io
from datetime import timedelta
from types import SimpleNamespace

import django_filters
import pytest
from django.core.exceptions import BadRequest, ImproperlyConfigured
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from safety.models import AdverseEvent
from tests.support import build
from trials.access import Access
from trials.listing import Column, Listing, Selection
from trials.listing.keys import write_key
from trials.listing.page import COUNTED_UP_TO, PAGE_SIZE
from trials.roles import ROLES

pytestmark = pytest.mark.django_db

COLUMNS = (
    Column(name="number", label="Number", value=lambda row: row.number, sort=("number",)),
    Column(name="term", label="Event", value=lambda row: row.term, free_text=True),
    Column(name="grade", label="Grade", value=lambda row: row.grade, sort=("grade",)),
    Column(name="serious", label="Serious", value=lambda row: row.serious),
    Column(name="onset", label="Onset", value=lambda row: row.onset_earliest, sort=("onset_earliest",)),
    Column(name="version", label="Version", value=lambda row: row.version, on_page=False),
)


class Filter(django_filters.FilterSet):
    grade = django_filters.ChoiceFilter(label="Grade", choices=[("1", "Mild"), ("5", "Deadly")])
    term = django_filters.CharFilter(label="Event", lookup_expr="icontains")
    number = django_filters.NumberFilter(label="Number")

    class Meta:
        model = AdverseEvent
        fields = ["grade", "term", "number"]


@pytest.fixture
def patient(trial):
    return build.patient(trial=trial)


@pytest.fixture(autouse=True)
def _somebody_looks(trial):
    with acting(system="test"):
        yield


def make(patient, number: int, **fields) -> list[AdverseEvent]:
    """Store adverse events 1 to `number`; onsets repeat every seven days, grades every five."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=123456)
    first = AdverseEvent.objects.filter(patient=patient).count() + 1
    rows = [
        AdverseEvent(
            **{
                "trial_id": patient.trial_id, "patient": patient, "number": each, "term": f"Event {each}",
                "onset": "2020", "onset_earliest": noon - timedelta(days=each % 7), "onset_latest": noon,
                "ongoing": "Y", "grade": each % 5 + 1, "none_of_these": True, "results_in_death": False,
                "life_threatening": False, "hospitalisation": False, "disability": False,
                "congenital_anomaly": False, "medically_important": False, "outcome": "unknown",
                "action_taken": "none", "aware": "2020", "aware_at": noon, "due_at": noon, **fields,
            }
        )
        for each in range(first, first + number)
    ]  # fmt: skip
    return AdverseEvent.objects.bulk_create(rows)


def listing(trial, address: str = "", **options) -> Listing:
    request = RequestFactory().get(f"/{address}")
    request.trial = trial
    request.access = Access(user=User(), trial=trial, role=ROLES["monitor"])
    rows = AdverseEvent.objects.filter(trial=trial)
    defaults = {"columns": COLUMNS, "sort": "number", "filterset": Filter(request.GET, queryset=rows)}
    return Listing(request, queryset=rows, **{**defaults, **options})


def numbers(page: Listing) -> list[int]:
    return [row.object.number for row in page.rows]


def walk(trial, address: str, step: str = "next_url") -> list[list[int]]:
    """Follow the links from page to page, as a reader does."""
    pages = []
    while True:
        page = listing(trial, address)
        pages.append(numbers(page))
        address = getattr(page, step)
        if not address:
            return pages


@pytest.mark.parametrize("sort", ["number", "-number", "grade", "-grade", "onset", "-onset"])
def test_the_pages_together_hold_every_row_once_and_in_order(trial, patient, sort):
    """Ties on the sort column included: the primary key makes the order total."""
    rows = make(patient, 2 * PAGE_SIZE + 7)
    field = {"number": "number", "grade": "grade", "onset": "onset_earliest"}[sort.lstrip("-")]
    expected = [
        row.number
        for row in sorted(rows, key=lambda row: (getattr(row, field), row.pk), reverse=sort.startswith("-"))
    ]
    pages = walk(trial, f"?sort={sort}")

    assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 7]
    assert [number for page in pages for number in page] == expected


@pytest.mark.parametrize("sort", ["number", "-grade", "onset"])
def test_the_way_back_shows_the_same_pages(trial, patient, sort):
    make(patient, 3 * PAGE_SIZE)
    forth = walk(trial, f"?sort={sort}")
    address = f"?sort={sort}"
    while listing(trial, address).next_url:
        address = listing(trial, address).next_url

    assert walk(trial, address, "previous_url") == forth[::-1]


def test_a_row_entered_meanwhile_moves_no_row_to_another_page(trial, patient):
    """Pages by key: offset paging would show the last row of page one again."""
    make(patient, PAGE_SIZE + 5)
    first = listing(trial, "?sort=-number")
    shown = numbers(first)
    make(patient, 3)

    assert numbers(listing(trial, first.next_url)) == list(range(5, 0, -1))
    assert shown[-1] == 6


@pytest.mark.parametrize("number", [0, 1, PAGE_SIZE])
def test_a_listing_that_fits_one_page_has_no_other(trial, patient, number):
    make(patient, number)
    page = listing(trial)

    assert len(page.rows) == number
    assert (page.next_url, page.previous_url) == ("", "")


def test_the_total_is_exact_up_to_a_bound_and_never_counted_past_it(trial, patient):
    make(patient, 3)
    assert listing(trial).total_text == "3 rows"
    make(patient, COUNTED_UP_TO)
    assert listing(trial).total_text == "More than 1000 rows"


def draw(page: Listing) -> None:
    _ = page.rows, page.total_text, page.next_url, page.previous_url, page.chips, page.headings


def test_a_page_costs_the_same_queries_whatever_the_number_of_rows(trial, patient, django_assert_num_queries):
    """REL-14: `make bench` measures the time with a large trial."""
    for number in (1, 2, PAGE_SIZE, COUNTED_UP_TO):
        make(patient, number)
        with django_assert_num_queries(2):
            draw(listing(trial, "?sort=grade&term=Event"))


def test_a_page_far_down_is_found_through_the_key_alone(trial, patient, django_assert_num_queries):
    rows = make(patient, 4 * PAGE_SIZE)
    with django_assert_num_queries(2) as captured:
        draw(listing(trial, f"?after={write_key([str(rows[-1].number - 1), str(rows[-1].pk - 1)])}"))

    assert "OFFSET" not in " ".join(query["sql"] for query in captured.captured_queries)


@pytest.mark.parametrize(
    "sort",
    ["term", "trial__slug", "-patient__identity__name", "pk", "?", "--number", "number,pk", "version", "%00"],
)
def test_a_sort_that_no_column_offers_is_refused(trial, sort):
    """SEC, D.1: sort parameters are allow-listed, never passed on."""
    with pytest.raises(BadRequest):
        listing(trial, f"?sort={sort}")


@pytest.mark.parametrize(
    "token",
    ["x", "%00", "W10", write_key([]), write_key(["1"]), write_key(["a", "b"]), write_key(["1", "2", "3"]),
     write_key(["1", str(2**80)]), write_key(["1", ""]), "e30", "🦠", "WyJcdWQ4MDAiLCAiMSJd"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["after", "before"])
def test_a_forged_key_is_refused(trial, patient, token, way):
    make(patient, 1)
    with pytest.raises(BadRequest):
        _ = listing(trial, f"?{way}={token}").rows


@pytest.mark.parametrize("text", ["yesterday", "2020-01-01T10:00", "2020-99-01T10:00:00+00:00"])
def test_a_forged_time_in_a_key_is_refused(trial, patient, text):
    with pytest.raises(BadRequest):
        _ = listing(trial, f"?sort=onset&after={write_key([text, '1'])}").rows


def test_a_column_that_may_be_null_cannot_be_sorted_by(trial):
    """A null has no place in the order of a key, and each database gives it another."""
    column = Column(name="due", label="Due", value=lambda row: row.due_at, sort=("due_at",))
    with pytest.raises(ImproperlyConfigured, match="null"):
        listing(trial, columns=(*COLUMNS, column))


def test_filters_narrow_the_rows_and_stay_while_sorting_and_paging(trial, patient):
    make(patient, 5 * PAGE_SIZE + 50)
    page = listing(trial, "?grade=1&sort=-number")

    assert {row.object.grade for row in page.rows} == {1}
    assert "grade=1" in page.next_url
    assert "sort=-number" in page.next_url
    assert all("grade=1" in heading.url for heading in page.headings if heading.url)
    assert len([number for each in walk(trial, "?grade=1") for number in each]) == 60


def test_sorting_again_starts_at_the_first_page(trial, patient):
    make(patient, PAGE_SIZE + 1)
    second = listing(trial, listing(trial).next_url)

    assert all("after=" not in heading.url for heading in second.headings)
    assert "after=" not in second.csv_url


def test_chips_say_what_is_filtered_in_words_and_lead_to_the_listing_without_it(trial, patient):
    make(patient, 3)
    page = listing(trial, "?grade=5&term=Event&sort=grade")

    assert [(chip.label, chip.value) for chip in page.chips] == [("Grade", "Deadly"), ("Event", "Event")]
    assert page.chips[0].url == "?term=Event&sort=grade"
    assert page.clear_url == "?sort=grade"


def test_a_filter_that_cannot_be_read_says_so_and_shows_nothing(trial, patient):
    make(patient, 3)
    page = listing(trial, "?grade=7&format=csv")

    assert not page.valid
    assert page.form.errors["grade"]
    assert page.rows == []
    assert not page.wants_csv


def test_a_heading_sorts_by_its_column_and_turns_when_asked_again(trial, patient):
    make(patient, 1)
    headings = {heading.column.name: heading for heading in listing(trial, "?sort=grade").headings}

    assert (headings["grade"].url, headings["grade"].direction) == ("?sort=-grade", "ascending")
    assert (headings["onset"].url, headings["onset"].direction) == ("?sort=onset", "")
    assert headings["term"].url == ""
    assert "version" not in headings


def test_cells_show_truth_and_times_in_words_and_nothing_as_a_dash(trial, patient):
    make(patient, 1, term="")
    cells = {cell.column.name: cell.text for cell in listing(trial).rows[0].cells}

    assert cells["serious"] == "No"
    assert cells["term"] == "–"
    assert cells["onset"].endswith(("13:00", "14:00")), "noon in UTC, on the clock of Brussels"


def test_rows_that_are_not_allowed_cannot_be_ticked(trial, patient):
    make(patient, 2)
    selection = Selection(url="/sign/", label="Sign", allowed=lambda row: row.number == 2)
    page = listing(trial, selection=selection, row_url=lambda row: f"/{row.number}/")

    assert [(row.url, row.selectable) for row in page.rows] == [("/1/", False), ("/2/", True)]
    assert page.rows[1].title == "2 Event 2 3"


def read(page: Listing) -> list[list[str]]:
    text = b"".join(page.csv()).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_csv_has_every_filtered_row_in_the_same_order_with_every_column(trial, patient):
    make(patient, 5 * PAGE_SIZE)
    rows = read(listing(trial, "?grade=1&sort=-number&format=csv"))

    assert rows[0] == [column.name for column in COLUMNS]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(250, 0, -5)]
    assert {row[3] for row in rows[1:]} == {"N"}


@pytest.mark.parametrize(
    ("term", "expected"),
    [("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("-5 °C", "'-5 °C"), ("+", "'+"), ("007", "007"),
     ("a, \"b\"\nc", "a, \"b\"\nc"), (" padded ", " padded "), ("Fièvre 🦠", "Fièvre 🦠")],
)  # fmt: skip
def test_typed_text_survives_the_csv_and_is_no_formula(trial, patient, term, expected):
    """SEC-15, DAT-10."""
    make(patient, 1, term=term)

    assert read(listing(trial))[1][1] == expected


def test_who_took_the_csv_with_which_filters_is_recorded(trial, patient):
    """AUD-08, PRV-04."""
    make(patient, 1)
    read(listing(trial, "?grade=1&format=csv", name="events"))
    taken = AccessEvent.objects.get(kind="exported")

    assert taken.trial_id == trial.pk
    told = {"listing": "events", "filters": "grade=1&format=csv", "channel": "listing", "treatment": True}
    assert taken.detail == {**told, "filters in words": "Grade: Mild", "stage": "started"}


def test_what_comes_in_bulk_is_fetched_once_per_page_and_once_per_part_of_the_csv(
    trial, patient, monkeypatch
):
    monkeypatch.setattr("trials.listing.page.CSV_CHUNK", 40)
    make(patient, 100)
    seen = SimpleNamespace(parts=[])

    def prepare(rows) -> None:
        seen.parts.append(len(rows))

    draw(listing(trial, prepare=prepare))
    read(listing(trial, prepare=prepare))

    assert seen.parts == [PAGE_SIZE, 40, 40, 20]
