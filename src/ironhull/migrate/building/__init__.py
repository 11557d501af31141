"""A Dockerfile built stage by stage in the sandbox, where no container engine is."""
