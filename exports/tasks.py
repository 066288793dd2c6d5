"""Background tasks of the worker (`manage.py db_worker`)."""

from django_tasks import task

from exports import documents


@task()
def make_document(key: str) -> None:
    """Generate the document with this id."""
    documents.make(key)
