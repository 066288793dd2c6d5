"""`GET /healthz`: the process is ready if the database answers and all migrations are applied."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe


def pending_migrations() -> int:
    """Return the number of unapplied migrations. Two queries, and reads the migration files."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 with the version if the installation is ready, else 503 with the reason."""
    try:
        pending = pending_migrations()
    except DatabaseError:
        return JsonResponse({"status": "no database", "version": settings.VERSION}, status=503)
    if pending:
        body = {"status": "migrations pending", "pending": pending, "version": settings.VERSION}
        return JsonResponse(body, status=503)
    return JsonResponse({"status": "ok", "version": settings.VERSION})
