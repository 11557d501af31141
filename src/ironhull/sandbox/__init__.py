"""Run a command over a root folder, by bubblewrap: no engine, no daemon, no root needed."""
