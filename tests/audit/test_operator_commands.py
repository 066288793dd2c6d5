"""Who ran a command that writes, and why: a named person, or the account of the operating system (AUD-02, AUD-10)."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, get_commands, load_command_class

from accounts.models import User
from audit.management.operator import OperatorCommand, system_account
from audit.models import AccessEvent
from tests.support import build
from trials.models import Delegation, ProtocolVersion

# They read, or what they write is recorded as the system: upgrades, seals, and what is started by time.
READS = {
    "verify_trail",
    "check_protocol",
    "evaluate",
    "doctor",
    "rehearse_protocol",
    "makemigrations",
    "backup_key",
    "verify_archive",
    "blind_check",
    "export_diff",
}
OF_THE_SYSTEM = {
    "migrate": "recorded as the system, with the names of the migrations",
    "due": "called by time; each work acts as the system under its own name",
    "grant_role": "changes rights of the database, no row",
    "restore": "fills an empty database in which nobody is known; `seal --reason restore` records it",
    "use_restored": "runs on the scratch database of a drill only",
}
# Also started by time, or they say themselves what they are for: purpose of an export, reason of a seal.
SAYS_ITSELF_WHY = {
    "backup",
    "blank_crf",
    "casebook",
    "clear_uploads",
    "demo",
    "export",
    "forget_documents",
    "registry_results",
    "replay",
    "report",
    "restore_drill",
    "sae_report",
    "seal",
    "settle_trail",
    "visit_report",
}
ROOMS = {
    "audit",
    "accounts",
    "trials",
    "patients",
    "dosing",
    "safety",
    "outcomes",
    "reports",
    "exports",
    "operation",
    "demo",
}


def test_every_command_that_writes_names_who_runs_it_and_why():
    own = {name for name, app in get_commands().items() if app in ROOMS}
    writing = {
        name for name in own if isinstance(load_command_class(get_commands()[name], name), OperatorCommand)
    }
    assert own - writing == (READS | set(OF_THE_SYSTEM)) & own
    for name in writing:
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        assert {"--user", "--reason"} <= set(parser._option_string_actions), name
    asking = {name for name in writing if load_command_class(get_commands()[name], name).asks_why}
    assert writing - asking == SAYS_ITSELF_WHY


@pytest.mark.django_db
def test_no_command_that_asks_why_writes_in_production_without_a_reason(settings, trial):
    """AUD-02: tried for every such command, with the least that it takes."""
    settings.PRODUCTION = True
    before = {model: model._default_manager.count() for model in apps.get_models()}
    for name, app in get_commands().items():
        command = load_command_class(app, name) if app in ROOMS else None
        if isinstance(command, OperatorCommand) and command.asks_why:
            with pytest.raises(CommandError, match="Say why"):
                command.execute(user=None, reason="  ", force_color=False, no_color=False, skip_checks=True)
    assert {model: model._default_manager.count() for model in apps.get_models()} == before


@pytest.mark.django_db
def test_the_person_named_is_the_author_of_what_the_command_writes(tmp_path):
    by = build.user("data_manager")
    file = tmp_path / "liege.toml"
    file.write_text(build.protocol_text(build.LIEGE), encoding="utf-8")
    call_command("load_protocol", file, user=by.username.upper(), reason="First version")
    row = ProtocolVersion.history.get()
    assert (row.history_user_id, row.history_user_name) == (by.pk, f"system:load_protocol for {by.username}")
    assert (row.history_change_reason, row.history_address) == ("First version", system_account())
    version = ProtocolVersion.objects.get()
    assert (version.loaded_by, version.load_reason) == (by, "First version")


@pytest.mark.django_db
def test_without_a_person_the_account_of_the_operating_system_is_recorded(trial):
    call_command(
        "add_person", username="x.y", full_name="X Y", trial=trial.slug, role="monitor", reason="start"
    )
    row = Delegation.history.get(user_id=User.objects.get(username="x.y").pk)
    assert row.history_user_name == f"system:add_person for account:{system_account()}"
    assert (row.history_origin, row.history_change_reason) == ("command", "start")
    link = AccessEvent.objects.get(kind="password_link")
    assert (link.origin, link.detail["person"]) == ("command", "x.y")


@pytest.mark.django_db
def test_production_asks_for_the_reason(trial, settings):
    settings.PRODUCTION = True
    typed = {"username": "x.y", "full_name": "X Y", "trial": trial.slug, "role": "monitor"}
    with pytest.raises(CommandError, match="Say why"):
        call_command("add_person", **typed)
    assert not User.objects.filter(username="x.y").exists()


@pytest.mark.django_db
def test_nobody_who_left_runs_a_command(trial):
    with pytest.raises(CommandError, match="Nobody who may sign in has the user name nobody"):
        call_command("allocation_list", trial=trial.slug, user="nobody")
