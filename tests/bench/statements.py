"""Count the SQL statements of pages and of a save: `python -m tests.bench.statements '["/path/"]' /form/`."""

import json
import os
import sys
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


def main() -> None:
    """Print the number of statements of each page and of one save. Each runs twice; the second run is counted."""
    import django

    django.setup()
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User
    from audit.context import acting
    from tests.bench.client import hidden_fields
    from tests.bench.stroma_runs import answers

    client = Client()
    with acting(system="bench"):
        client.force_login(User.objects.get(username="coordinator"))
    found = {}
    pages, form = json.loads(sys.argv[1]), sys.argv[2]
    for path in pages:
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        found[path] = len(queries)
    for number in range(2):
        fields = dict(hidden_fields(client.get(form).content.decode()))
        sent = {**fields, **dict(answers(number)), "_key": uuid.uuid4().hex, "_action": "draft"}
        with CaptureQueriesContext(connection) as queries:
            answer = client.post(form, sent)
        if answer.status_code != 302:
            raise SystemExit(f"saving answered {answer.status_code}: {answer.content[:3000]!r}")
        found["save"] = len(queries)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
