from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = "Patients"

    def ready(self) -> None:
        """Give the stored codes of this room their words, and the verification of the trail its files."""
        from audit import verification
        from audit.stored_text import register
        from patients import signals
        from patients.casebook import fact_kinds, facts
        from patients.entry import dependent_checks, held_files
        from patients.system_texts import TEXTS

        register(TEXTS)
        facts.register(*fact_kinds.KINDS)
        signals.facts_changed.connect(dependent_checks.judge_announced, dispatch_uid="dependent_checks")
        verification.register(held_files.findings)
