"""WSGI application of the plain admin."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.plain.settings"
application = get_wsgi_application()
