"""`GET /healthz`: the process is ready if the database answers, all migrations are applied and the trail is guarded."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from audit import triggers
from audit.guard import refusal_of


def pending_migrations() -> int:
    """Return the number of unapplied migrations. Two queries, and reads the migration files."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 with the version if the installation is ready, else 503 with the reason."""
    try:
        pending, guarded = pending_migrations(), triggers.guarded(connection)
    except DatabaseError as error:
        if refusal_of(error) == "upgrading":
            return JsonResponse({"status": "being upgraded", "version": settings.VERSION}, status=503)
        return JsonResponse({"status": "no database", "version": settings.VERSION}, status=503)
    if pending:
        body = {"status": "migrations pending", "pending": pending, "version": settings.VERSION}
        return JsonResponse(body, status=503)
    if not guarded:
        return JsonResponse({"status": "trail not guarded", "version": settings.VERSION}, status=503)
    return JsonResponse({"status": "ok", "version": settings.VERSION})
