from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = "Patients"

    def ready(self) -> None:
        """Give the stored codes of this room their words."""
        from audit.stored_text import register
        from patients.system_texts import TEXTS

        register(TEXTS)
