"""The health check; it is also answered by `HealthMiddleware`, before everything else."""

from django.urls import path

from operation.health import healthz

urlpatterns = [path("healthz", healthz, name="healthz")]
