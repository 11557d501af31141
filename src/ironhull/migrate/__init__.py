"""A conventional Dockerfile made a hardened one, offline: rules on a lossless model, explained.

`migrate.migrate` is the whole of it: bytes of a Dockerfile, what its build context holds, and what
is known of the images to move to, give the new text, every change with its reason, what was refused
and what has to change outside of the file. The same inputs give the same result; nothing is run,
asked or guessed.
"""
