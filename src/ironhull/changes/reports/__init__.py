"""The changelog of a rebuild written down: text, Markdown, JSON, Atom."""
