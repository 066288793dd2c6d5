"""Change an audited table and its rows, then wait, with the mark that tells the test to go on."""

import os
import time
from pathlib import Path

from django.db import migrations


def change_rows(apps, schema_editor):
    schema_editor.execute("UPDATE trials_trial SET recruiting = NOT recruiting WHERE slug = 'before'")


def wait(apps, schema_editor):
    Path(os.environ["TRUST_MARK"]).touch()
    time.sleep(float(os.environ["TRUST_SECONDS"]))


class Migration(migrations.Migration):
    initial = True
    dependencies = [("trials", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE trials_trial ADD COLUMN trust_note varchar(20) NULL"),
        migrations.RunPython(change_rows),
        migrations.RunPython(wait),
    ]
