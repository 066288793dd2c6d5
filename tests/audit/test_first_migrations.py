"""A first migration creates each table whole, and means the same as the steps that Django writes."""

from django.db import models
from django.db.migrations import AddConstraint, AddField, AddIndex, CreateModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from audit.management.commands.makemigrations import created_whole


def bag(name: str) -> CreateModel:
    return CreateModel(name, [("id", models.AutoField(primary_key=True)), ("code", models.TextField())])


def steps() -> list[Operation]:
    """Return two tables; one gets a field later, which its constraint names."""
    once = models.UniqueConstraint(fields=["code"], name="code_once")
    both = models.UniqueConstraint(fields=["code", "donor"], name="code_once_per_donor")
    return [
        bag("Bag"),
        bag("Donor"),
        AddField("Donor", "donor", models.ForeignKey("dosing.Bag", on_delete=models.CASCADE)),
        AddConstraint("Bag", once),
        AddIndex("Bag", models.Index(fields=["code"], name="by_code")),
        AddConstraint("Donor", both),
    ]


def state_after(operations: list[Operation]) -> ProjectState:
    state = ProjectState()
    for operation in operations:
        operation.state_forwards("dosing", state)
    return state


def test_indexes_and_constraints_come_with_their_table_and_mean_the_same():
    written, shortened = state_after(steps()), created_whole(steps())
    assert [type(each) for each in shortened] == [CreateModel, CreateModel, AddField, AddConstraint]
    assert state_after(shortened) == written


def test_the_first_migrations_are_written_that_way():
    loader = MigrationLoader(None)
    for (app, name), migration in loader.disk_migrations.items():
        if name == "0001_initial" and migration.__module__.split(".")[0] in ("trials", "patients", "dosing"):
            kept = [type(each) for each in created_whole(migration.operations)]
            assert kept == [type(each) for each in migration.operations], app
