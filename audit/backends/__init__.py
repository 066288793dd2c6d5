"""How the actor reaches the database: a function on SQLite, a transaction-local setting on PostgreSQL."""
