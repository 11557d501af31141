"""How the tables of the state came to be what they are, one file a change."""
