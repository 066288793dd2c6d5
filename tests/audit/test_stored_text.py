"""What the system says is stored as code and parameters; what a person typed is stored as it is."""

import json
from decimal import Decimal

import pytest
from django.utils import translation

from audit import stored_text
from audit.context import acting, because, current_actor
from audit.stored_text import CODED, TYPED, StoredText, read, system_text, written
from audit.system_texts import actor_words
from tests.support.translation.invented_french import french

REASON = "entry.transcription"


def test_a_sentence_of_the_system_is_read_in_the_language_of_its_reader(monkeypatch):
    with french(monkeypatch):
        column = written(system_text("query.corrected"))
        assert str(read(column)) == "«The value was corrected.»"

    assert str(read(column)) == "The value was corrected."


def test_the_column_can_be_read_without_the_program():
    assert json.loads(written(system_text(REASON, "27 read as 72"))) == {
        "code": REASON,
        "says": {"en": "Transcription error"},
        "typed": "27 read as 72",
    }


def test_the_english_sentence_is_stored_whatever_the_language_of_the_writer(monkeypatch):
    with french(monkeypatch):
        column = written(system_text("document.not_set", message="out of memory"))

    assert json.loads(column)["says"] == {
        "en": "The PDF could not be created: out of memory. Tell the administrator."
    }


def test_a_persons_own_words_stay_as_they_were_typed(monkeypatch):
    with french(monkeypatch):
        column = written(system_text(REASON, "lu 72 au lieu de 27"))
        assert str(read(column)) == "««Transcription error»: lu 72 au lieu de 27»"

    assert str(read(column)) == "Transcription error: lu 72 au lieu de 27"
    assert read(written("Décès à domicile")) == "Décès à domicile"


@pytest.mark.parametrize(
    "typed",
    ['{"code":"query.corrected"}', '{"typed":"nothing"}', '{"code":', "{}", "", "50 % too low\n'; --"],
)
def test_nobody_can_type_a_sentence_of_the_system(typed):
    """AUD-10: what a person typed is never taken for what the system said."""
    assert read(written(typed)) == typed


@pytest.mark.parametrize(
    "column",
    [
        '{"code":"x","with":{"a":{"number":"many"}}}',
        CODED,
        TYPED,
        '{"code":7}',
        '{"code":"x","says":[]}',
        '{"code":"x","with":1}',
        '{"typed":"a","more":1}',
    ],
)
def test_a_column_that_holds_something_else_is_shown_as_it_is(column):
    assert read(column) == column


def test_an_unknown_code_is_shown_by_its_english_sentence_else_by_its_code():
    assert str(read('{"code":"of.a.later.version","says":{"en":"Something new"}}')) == "Something new"
    assert str(read('{"code":"of.a.later.version"}')) == "of.a.later.version"


def test_a_sentence_whose_parameters_changed_is_shown_as_it_was_kept():
    column = '{"code":"document.not_set","says":{"en":"Not set"},"with":{"other":"x"}}'

    assert str(read(column)) == "Not set"


def test_the_message_of_a_check_is_shown_in_the_language_that_the_protocol_has():
    message = StoredText("protocol.check", {"en": "Above diastolic", "fr": "Au-dessus"}, {"check": "VS01"})

    assert message.in_language("fr") == message.in_language("fr-be") == "Au-dessus"
    assert message.in_language("es") == "Above diastolic"


def test_a_limit_is_written_with_the_decimal_sign_of_the_reader(monkeypatch):
    limits = {"lowest": Decimal("35.5"), "highest": Decimal("38.0"), "unit": " °C"}
    column = written(system_text("query.unusual", **limits))
    with french(monkeypatch):
        assert "35,5 and 38,0 °C" in str(read(column))

    assert "35.5 and 38.0 °C" in str(read(column))
    assert read(column).parameters == limits


def test_a_parameter_that_is_a_sentence_itself_is_put_into_words_too(monkeypatch):
    column = written(system_text("trials.role_refused", role=system_text("role.monitor")))
    with french(monkeypatch):
        assert "«Monitor»" in str(read(column))

    assert str(read(column)) == "Your role in this trial, Monitor, does not allow this."


def test_a_code_has_one_sentence():
    with pytest.raises(ValueError, match="has a sentence already"):
        stored_text.register({REASON: "Another sentence"})
    with pytest.raises(KeyError):
        system_text("never.registered")


def test_the_reason_reaches_the_triggers_as_it_is_stored():
    with acting(system="test"), because(system_text(REASON)):
        assert read(current_actor().reason) == system_text(REASON)
    with acting(system="test", reason='{"code":"query.corrected"}'):
        assert read(current_actor().reason) == '{"code":"query.corrected"}'


@pytest.mark.parametrize(
    ("stored", "english"),
    [
        ("system:checks for Nina Nurse", "Edit checks, for Nina Nurse"),
        ("system:seal", "Sealing of the trail"),
        ("system:unknown for Nina", "system:unknown for Nina"),
        ("Nina for Nurse", "Nina for Nurse"),
        ("Not signed in", "Not signed in"),
        ("", ""),
    ],
)
def test_a_process_is_named_in_words_and_a_person_as_is(stored, english):
    """AUD-10."""
    assert actor_words(stored) == english


def test_a_process_is_named_in_the_language_of_the_reader(monkeypatch):
    with french(monkeypatch):
        assert "«Edit checks»" in actor_words("system:checks for Nina Nurse")
        assert actor_words("Not signed in") == "«Not signed in»"
    assert translation.get_language() == "en"
