"""The system to compare with: a plain Django admin with simple-history by signals."""

import os
from pathlib import Path

from config import databases

SECRET_KEY = "bench-only"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "tests.bench.plain.subject",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]
ROOT_URLCONF = "tests.bench.plain.urls"
WSGI_APPLICATION = "tests.bench.plain.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": databases.from_url(
        os.environ.get("PLAIN_DATABASE_URL", ""), Path(os.environ["PLAIN_DATABASE"])
    )
}
if DATABASES["default"]["ENGINE"].startswith("audit."):
    ours = DATABASES["default"]["ENGINE"].endswith(".sqlite")
    DATABASES["default"]["ENGINE"] = f"django.db.backends.{'sqlite3' if ours else 'postgresql'}"
if not os.environ.get("PLAIN_KEEPS_CONNECTIONS"):
    # Django's default: a connection for each request. Journal mode and lock timeout stay as in Stroma, so that the
    # comparison is fair.
    DATABASES["default"] |= {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "static/"
