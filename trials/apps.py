from django.apps import AppConfig
from django.db.backends.signals import connection_created


class TrialsConfig(AppConfig):
    name = "trials"
    verbose_name = "Trials"

    def ready(self) -> None:
        """Give the stored codes of this room their words, and SQLite the day at a site."""
        from audit.stored_text import register
        from trials import second_factor, site_day
        from trials.system_texts import TEXTS

        second_factor.check_roles()
        register(TEXTS)
        connection_created.connect(site_day.prepare, dispatch_uid="trials.site_day")
