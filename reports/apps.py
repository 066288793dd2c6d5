from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        """Give the stored codes of this room their words."""
        from audit.stored_text import register
        from reports.system_texts import TEXTS

        register(TEXTS)
