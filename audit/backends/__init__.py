"""Passing the actor to the database: a function on SQLite, a transaction-local setting on PostgreSQL."""
