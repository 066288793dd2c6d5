from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = "Patients"

    def ready(self) -> None:
        """Give the stored codes of this room their words, and the verification of the trail its files."""
        from audit import verification
        from audit.stored_text import register
        from patients.entry import held_files
        from patients.system_texts import TEXTS

        register(TEXTS)
        verification.register(held_files.findings)
