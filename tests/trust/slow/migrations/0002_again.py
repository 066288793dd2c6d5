"""Change the same table again: PostgreSQL refuses that while foreign keys of changed rows are unchecked."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("slow", "0001_column")]
    operations = [migrations.RunSQL("ALTER TABLE trials_trial ADD COLUMN trust_other varchar(20) NULL")]
