"""`manage.py grant_role ROLE`: grant the application's PostgreSQL role the privileges it needs, and no others."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from audit.integrity.privileges import statements


class Command(BaseCommand):
    help = "Grant a PostgreSQL role the rights of the application; run it as the owner, after migrate."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="name of an existing role that owns nothing here")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(
                "Only PostgreSQL has roles; on SQLite whoever can write the file can write it all."
            )
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role])
            row = cursor.fetchone()
            if row is None or row[0]:
                raise CommandError(f"{role} must be a role of this server, and not a superuser.")
            tables = connection.introspection.table_names(cursor)
            for statement in statements(connection.ops.quote_name(role), tables=tables):
                cursor.execute(statement)
        self.stdout.write(f"{role} may serve the application: it adds to the trail and cannot change it.")
