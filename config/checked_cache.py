"""The cache table, with errors: Django's backend hides them, and a failed count would read as "too many attempts"."""

from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError, connections, router
from django.utils import timezone

TRIES = 3


class CheckedCache(DatabaseCache):
    """Django's cache in the database. Raises OperationalError if the table takes no writes (read-only, full)."""

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = None) -> bool:
        # More than one try: another process may insert or delete the same key in between.
        for _try in range(TRIES):
            if super()._base_set(mode, key, value, timeout):  # type: ignore[misc]
                return True
            if mode == "touch" or (mode == "add" and self._holds(key)):
                return False
        raise OperationalError("The cache table takes no writes")

    def _holds(self, key: str) -> bool:
        connection = connections[router.db_for_read(self.cache_model_class)]
        table = connection.ops.quote_name(self._table)  # type: ignore[attr-defined]
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {table} WHERE cache_key = %s AND expires > %s", [key, now])  # noqa: S608
            return cursor.fetchone() is not None
