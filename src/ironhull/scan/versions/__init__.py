"""The order of versions in each ecosystem. A key function raises MalformedError for no version."""
