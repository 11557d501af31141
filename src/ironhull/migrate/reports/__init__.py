"""A migration written down: text, JSON, SARIF, Markdown, and the difference of the texts."""
