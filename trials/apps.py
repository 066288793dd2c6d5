from django.apps import AppConfig
from django.db.backends.signals import connection_created


class TrialsConfig(AppConfig):
    name = "trials"
    verbose_name = "Trials"

    def ready(self) -> None:
        """Give the stored codes of this room their words, and SQLite the day at a site."""
        from accounts.signals import signing_suspended
        from audit.stored_text import register
        from audit.trail_reading import row_titles
        from trials import second_factor, site_day, training
        from trials.sponsor_notices import tell_of_opened_account
        from trials.system_texts import TEXTS
        from trials.titles import row_titles as titles

        second_factor.check_roles()
        training.check_file()
        register(TEXTS)
        row_titles.register(titles.TITLES, titles.NEEDS)
        signing_suspended.connect(tell_of_opened_account, dispatch_uid="trials.opened_account")
        connection_created.connect(site_day.prepare, dispatch_uid="trials.site_day")
