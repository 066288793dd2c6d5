"""`manage.py evaluate` says what an expression gives: for whoever writes a protocol file."""

import pytest
from django.core.management import CommandError, call_command

from tests.support.protocols.shipped import LIEGE, path_of


def said(capsys, *words, **options) -> str:
    call_command("evaluate", *words, **options)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("expression", "values", "answer"),
    [
        ("rr >= 30.0 || spo2 <= 93.0", ["spo2=92"], "true"),
        ("rr >= 30.0 || spo2 <= 93.0", ["spo2=95"], "undetermined: needs rr"),
        ("rr >= 30.0 || spo2 <= 93.0", ["spo2=95", "rr==ND"], "undetermined: needs rr"),
        ("neutrophils > wbc + 0.01", ["neutrophils=2.31", "wbc=2.3"], "false"),
        ("neutrophils > wbc + 0.01", ["neutrophils=2.32", "wbc=2.3"], "true"),
        ("pao2 * 100.0 / fio2 <= 300.0", ["pao2=65.4", "fio2=21.8"], "true"),
        ("(a + b) / 2.0", ["a=2.3", "b=2.4"], "2.35"),
        ("1.2 - 0.9 >= 0.3", [], "true"),
        ("sex == 'F' && severe", ['sex="F"', "severe=true"], "true"),
        ("before(birth, '2003-03-01')", ["birth=2003-02-28"], "true"),
        ("before(birth, '2003-03-15')", ["birth=2003-03"], "undetermined: needs birth"),
        ("hours(start, end)", ["start=2021-03-01T10:00Z", "end=2021-03-01T11:30Z"], "1.5"),
        ("weight > previous(weight) * 1.1", ["weight=77.01", "previous(weight)=70"], "true"),
    ],
)
def test_the_first_word_is_the_answer(capsys, expression, values, answer):
    assert said(capsys, expression, *values) == answer


def test_a_protocol_file_gives_names_types_and_definitions(capsys):
    file = path_of(LIEGE)

    assert said(capsys, "age >= 18.0", "age=18", protocol=file, form="demography") == "true"
    assert said(capsys, "demography.age >= 18.0", protocol=file) == "undetermined: needs demography.age"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rr >="], "the expression ends too early"),
        (["rr >= 30.0", "rr"], "name=value"),
        (["rr >= 30.0", "rr=many"], "is no value"),
        (["rr >= 30.0", "spo2=92"], "no name 'spo2'"),
        (["rr >= 60 / 2", "rr=1"], "whole numbers are not divided"),
        (["rr > 'a'", "rr=1"], "cannot compare"),
        ([r"name == '\x'", "name='a'"], "has no meaning in a text"),
    ],
)
def test_a_mistake_ends_with_2_and_says_what_to_write(words, sentence):
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("evaluate", *words)
    assert refused.value.returncode == 2


def test_a_form_that_the_protocol_does_not_have_is_a_mistake():
    with pytest.raises(CommandError, match="no form"):
        call_command("evaluate", "age > 1.0", protocol=path_of(LIEGE), form="nowhere")
