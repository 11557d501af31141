"""What type checkers see of values.py: the standard decorator, of which it is the fast half."""

from dataclasses import dataclass as dataclass
