"""What a worker does apart from the requests (`manage.py db_worker`)."""

from django_tasks import task

from exports import documents


@task()
def make_document(key: str) -> None:
    """Make the document with this id."""
    documents.make(key)
