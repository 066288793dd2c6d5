"""The settings of the next version: one more app, whose migrations take their time."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.trust.slow"]
