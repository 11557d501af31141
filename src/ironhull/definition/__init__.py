"""Image definitions: YAML → ImageDefinition, with every error at its place; JSON Schema."""
