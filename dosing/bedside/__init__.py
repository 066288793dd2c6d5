"""Monitoring of an infusion at the bedside: steps, observations, checklist, proposed stops. The same in both arms."""
