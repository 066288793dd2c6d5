"""A form of twenty fields with its history, and a table of events."""

from django.db import models
from simple_history.models import HistoricalRecords


class Vitals(models.Model):
    """One form with twenty fields, as in a hand-written model."""

    patient = models.CharField(max_length=20)
    visit = models.CharField(max_length=20)
    measured_on = models.DateField(null=True)
    temperature = models.DecimalField(max_digits=4, decimal_places=1, null=True)
    heart_rate = models.IntegerField(null=True)
    respiratory_rate = models.IntegerField(null=True)
    systolic = models.IntegerField(null=True)
    diastolic = models.IntegerField(null=True)
    saturation = models.IntegerField(null=True)
    weight = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    height = models.IntegerField(null=True)
    oxygen_flow = models.DecimalField(max_digits=4, decimal_places=1, null=True)
    oxygen_fraction = models.IntegerField(null=True)
    coma_scale = models.IntegerField(null=True)
    position = models.CharField(max_length=20, blank=True)
    consciousness = models.CharField(max_length=20, blank=True)
    pain = models.IntegerField(null=True)
    device = models.CharField(max_length=40, blank=True)
    assessor = models.CharField(max_length=60, blank=True)
    comment = models.TextField(blank=True)

    history = HistoricalRecords()


class Event(models.Model):
    """An adverse event with the fields of a listing."""

    patient = models.CharField(max_length=20)
    term = models.CharField(max_length=200)
    onset = models.DateTimeField()
    grade = models.IntegerField()
    serious = models.BooleanField()
    causality = models.CharField(max_length=20)
    outcome = models.CharField(max_length=20)
