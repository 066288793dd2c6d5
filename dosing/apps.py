from django.apps import AppConfig


class DosingConfig(AppConfig):
    name = "dosing"
    verbose_name = "Dosing"

    def ready(self) -> None:
        """Listen to what happens to patients, and tell of infusions."""
        from audit.stored_text import register
        from dosing import after_death, allocation, milestones, product, schedule, signature_scope
        from dosing.signals import infusion_given
        from dosing.system_texts import TEXTS
        from patients import signals
        from patients.participation.milestones import providers

        register(TEXTS)
        signals.eligibility_signed.connect(allocation.on_eligibility_signed, dispatch_uid="dosing.allocation")
        signals.patient_enrolled.connect(schedule.on_patient_enrolled, dispatch_uid="dosing.schedule")
        signals.patient_moved.connect(schedule.on_patient_moved, dispatch_uid="dosing.schedule.moved")
        infusion_given.connect(product.on_infusion_given, dispatch_uid="dosing.dose")
        signals.casebook_content.connect(signature_scope.infusions, dispatch_uid="dosing.signature_scope")
        signals.recorded_after_death.connect(after_death.of_patient, dispatch_uid="dosing.after_death")
        providers.append(milestones.infusions_given)
