from django.apps import AppConfig


class DosingConfig(AppConfig):
    name = "dosing"
    verbose_name = "Dosing"

    def ready(self) -> None:
        """Listen to what happens to patients, and tell of infusions."""
        from dosing import allocation, covering, milestones, planning, preparing
        from dosing.signals import infusion_given
        from patients import signals
        from patients.milestones import providers

        signals.eligibility_signed.connect(allocation.on_eligibility_signed, dispatch_uid="dosing.allocation")
        signals.patient_enrolled.connect(planning.on_patient_enrolled, dispatch_uid="dosing.planning")
        signals.patient_moved.connect(planning.on_patient_moved, dispatch_uid="dosing.planning.moved")
        infusion_given.connect(preparing.on_infusion_given, dispatch_uid="dosing.dose")
        signals.casebook_content.connect(covering.infusions, dispatch_uid="dosing.covering")
        providers.append(milestones.infusions_given)
