from django.apps import AppConfig


class SubjectConfig(AppConfig):
    name = "tests.bench.plain.subject"
    label = "subject"
    default_auto_field = "django.db.models.BigAutoField"
