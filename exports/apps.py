from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"
    verbose_name = "Exports"

    def ready(self) -> None:
        """Give the stored codes of this room their words."""
        from audit.stored_text import register
        from exports.system_texts import TEXTS

        register(TEXTS)
