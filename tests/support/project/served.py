"""The application as production serves it, from a clone whose static files were not collected: `gunicorn …served`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config import settings

settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

from config.wsgi import application  # noqa: E402  the settings are changed above

__all__ = ["application"]
