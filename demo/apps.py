from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "demo"
    verbose_name = "Demo"

    def ready(self) -> None:
        """Give the stored codes of this room their words."""
        from audit.stored_text import register
        from demo.system_texts import TEXTS

        register(TEXTS)
