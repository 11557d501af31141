"""Source packages of the distribution with patches of ours: read, locked, built, published."""
