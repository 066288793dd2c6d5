from django.apps import AppConfig


class OperationConfig(AppConfig):
    name = "operation"
    verbose_name = "Operation"

    def ready(self) -> None:
        """Give the processes of this room their words."""
        from audit.stored_text import register
        from operation.system_texts import TEXTS

        register(TEXTS)
