from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"
    verbose_name = "Reports"

    def ready(self) -> None:
        """Give the stored codes of this room their words, and the index of the trail what it needs to know."""
        from audit.stored_text import register
        from audit.trail_index import building
        from reports.audit_trail.circumstances import circumstances
        from reports.system_texts import TEXTS

        register(TEXTS)
        building.register(circumstances)
