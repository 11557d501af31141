"""State: what must be remembered and cannot be made again, told apart from what is only a cache."""
