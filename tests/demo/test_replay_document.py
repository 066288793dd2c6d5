"""docs/replay.md names every column and option of a replay."""

import re
from argparse import ArgumentParser

import pytest

from demo.management.commands.replay import Command
from demo.replay import headings
from tests.support.project.calls import ROOT

TEXT = (ROOT / "docs/replay.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)))
OF_COMMANDS = {"--user", "--reason", "--help"}


@pytest.mark.parametrize("column", headings.PATIENT)
def test_every_column_of_a_patient_is_described(column):
    assert column in NAMED


@pytest.mark.parametrize("fact", headings.INFUSION)
def test_every_column_of_an_infusion_is_described(fact):
    assert f"infusion.1.{fact}" in NAMED


@pytest.mark.parametrize("fact", [*headings.VISIT, *headings.EVENT])
def test_every_column_of_visits_and_events_is_described(fact):
    assert {fact, f"D28.{fact}"} & NAMED


def test_every_option_of_the_command_is_described():
    parser = ArgumentParser()
    Command().add_arguments(parser)
    options = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    assert {option for option in options - OF_COMMANDS if option not in TEXT} == set()
