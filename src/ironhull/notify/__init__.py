"""Messages to people and programs about what was rebuilt, what is held, and what is wrong."""
