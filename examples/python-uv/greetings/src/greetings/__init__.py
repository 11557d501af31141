"""Greetings in some languages."""

WORDS = {"de": "Guten Tag", "en": "Good day", "fr": "Bonjour", "tr": "Merhaba"}


def greet(language: str, name: str) -> str:
    """A greeting for a person; KeyError for a language that is not known."""
    return f"{WORDS[language]}, {name}!"
