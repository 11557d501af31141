"""One file a change, in the order of their names; what was released is never edited again."""
