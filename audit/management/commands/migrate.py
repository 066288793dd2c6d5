"""Django's `migrate`, run as `system:migrate` in one transaction, writers shut out (audit.integrity.migrating)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.state import ModelState, ProjectState

from audit.context import acting
from audit.integrity import migrating

# Its method for options is not part of the stubs.
STATES: Any = ProjectState


class Command(migrate.Command):
    database = "default"

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        self.database = options["database"]
        with (
            acting(system="migrate"),
            migrating.one_transaction(self.database),
            models_rendered_alone(),
        ):
            super().handle(*args, **options)

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
        super().migration_progress_callback(action, migration, fake)
        if action in ("apply_success", "unapply_success"):
            migrating.after_each(connections[self.database])


@contextmanager
def models_rendered_alone() -> Iterator[None]:
    """Render a new model, and note a new constraint or index, without rendering all related models again.

    Django renders every model that is related to the changed one, directly or over others: the time grows with the
    square of the number of models, and was most of a first installation. A new model replaces no class that others
    refer to, and a constraint or index changes no field, so the classes of the other models stay right.
    """
    replaced = STATES.add_model, STATES._append_option
    STATES.add_model, STATES._append_option = _add_model, _append_option
    try:
        yield
    finally:
        STATES.add_model, STATES._append_option = replaced


_django_add_model, _django_append_option = STATES.add_model, STATES._append_option


def _add_model(state: ProjectState, model: ModelState) -> None:
    apps = state.__dict__.get("apps")
    if apps is None or model.name_lower in apps.all_models[model.app_label]:
        _django_add_model(state, model)
        return
    with _not_rendered(state):
        _django_add_model(state, model)
    apps.render_multiple([model])


def _append_option(state: ProjectState, app_label: str, model_name: str, option: str, value: Any) -> None:
    with _not_rendered(state) as apps:
        _django_append_option(state, app_label, model_name, option, value)
    if apps is not None:
        meta = apps.get_model(app_label, model_name)._meta
        setattr(meta, option, [*getattr(meta, option), value])


@contextmanager
def _not_rendered(state: ProjectState) -> Iterator[Any]:
    """Hide the rendered models, so that Django only notes a change; restore them afterwards."""
    apps = state.__dict__.pop("apps", None)
    yield apps
    if apps is not None:
        state.__dict__["apps"] = apps
