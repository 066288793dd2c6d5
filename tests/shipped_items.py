"""The items of the shipped protocols."""

from tests.shipped import COVID_MSV, LIEGE

BOTH = [LIEGE, COVID_MSV]
