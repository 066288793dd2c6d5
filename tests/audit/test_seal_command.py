"""Events that `manage.py seal` records while it seals."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit.models import AccessEvent, Seal

pytestmark = pytest.mark.django_db


def test_settings_that_changed_are_an_event(settings):
    """AUD-08: recorded by `seal` and `migrate`, once per change."""
    call_command("seal", stdout=StringIO())
    call_command("seal", stdout=StringIO())
    settings.SESSION_IDLE_SECONDS = 7200
    call_command("seal", stdout=StringIO())
    result = AccessEvent.objects.filter(kind="configuration").order_by("pk").values_list("detail", flat=True)

    assert [detail["idle seconds"] for detail in result][-2:] == [900, 7200]


def test_a_restore_is_an_event_under_a_seal():
    """AUD-08."""
    out = StringIO()
    call_command("seal", "--reason", "restore", stdout=out)

    assert AccessEvent.objects.get(kind="restore").user_name.startswith("system:seal")
    assert Seal.objects.get().reason == "restore"
    assert out.getvalue().startswith("Seal 1 ")


def test_nobody_records_a_backup_by_hand():
    """BKP-01: an inspector who reads of a backup must be able to rely on its file and hash."""
    with pytest.raises(CommandError, match="nobody does it by hand"):
        call_command("seal", "--reason", "backup")
    assert not AccessEvent.objects.filter(kind="backup").exists()
    assert not Seal.objects.exists()
