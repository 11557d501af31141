"""A verdict as a table, as JSON, and as a statement that can be signed."""
