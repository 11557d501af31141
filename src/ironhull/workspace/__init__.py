"""One machine's home, settings, registries, engines and progress: what the verbs do, as calls."""
