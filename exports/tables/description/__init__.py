"""What an export says of its own tables: columns, codes, keys and joins, and the data dictionary."""
