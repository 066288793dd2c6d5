"""Queries and source verification on data of the product, behind the right to know the treatment."""
