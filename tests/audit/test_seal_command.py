"""Events that `manage.py seal` records while it seals."""

from io import StringIO

import pytest
from django.core.management import call_command

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


@pytest.mark.parametrize("reason", ["backup", "restore"])
def test_a_backup_and_a_restore_are_events_under_a_seal(reason):
    """AUD-08."""
    out = StringIO()
    call_command("seal", "--reason", reason, stdout=out)

    assert AccessEvent.objects.get(kind=reason).user_name == "system:seal"
    assert Seal.objects.get().reason == reason
    assert out.getvalue().startswith("Seal 1 ")
