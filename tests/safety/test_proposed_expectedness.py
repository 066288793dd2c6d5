"""What the reference safety information proposes for an event as a site names it (SAF-05)."""

import pytest

from audit.context import acting
from safety.models import EventCoding
from safety.sponsor.case_words import proposal
from safety.sponsor.expectedness import Ground
from tests.support import build
from tests.support.study.invented_dictionary import invented_dictionary

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("typed", "grade", "ground"),
    [
        ("Fever", 2, Ground.WITHIN_GRADE),
        ("Fièvre", 2, Ground.WITHIN_GRADE),
        ("fievre", 3, Ground.ABOVE_GRADE),
        ("Réaction à la perfusion", 3, Ground.WITHIN_GRADE),
        ("Fièvre jaune", 2, Ground.NOT_LISTED),
        ("Anaphylaxie", 3, Ground.NOT_LISTED),
    ],
)
def test_a_name_in_the_language_of_the_site_is_found_in_the_reference(patient, typed, grade, ground):
    """SAF-05, SAF-10: the table of the brochure has English terms."""
    assert proposal(build.event(patient=patient, term=typed, grade=grade)).ground == ground


def test_the_coded_term_counts_beside_the_words_of_the_site(patient):
    """SAF-10: the verbatim term stays as it is."""
    event = build.event(patient=patient, term="Hot all over", grade=2)
    assert proposal(event).ground == Ground.NOT_LISTED
    with acting(system="test"):
        EventCoding.objects.create(
            trial=patient.trial, patient=patient, event=event, dictionary=invented_dictionary(), code="90000001",
            name="Body temperature raised", preferred="Pyrexia", coded_words=event.term,
        )  # fmt: skip
    found = proposal(event)
    assert (found.expected, found.ground) == (True, Ground.WITHIN_GRADE)


def test_it_takes_one_query(patient, django_assert_num_queries):
    event = build.event(patient=patient)
    proposal(event)
    with django_assert_num_queries(1):
        proposal(event)
