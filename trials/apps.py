from django.apps import AppConfig


class TrialsConfig(AppConfig):
    name = "trials"
    verbose_name = "Trials"

    def ready(self) -> None:
        """Give the stored codes of this room their words."""
        from audit.stored_text import register
        from trials.system_texts import TEXTS

        register(TEXTS)
