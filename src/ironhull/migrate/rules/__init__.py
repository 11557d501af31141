"""The rules: each a small unit with its reason, in the one order of `table.RULES`."""
