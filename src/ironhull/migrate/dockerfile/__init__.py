"""The language of Dockerfiles: lossless lexer, instructions, stages, variables, shell commands.

It splits as BuildKit's own parser does (frontend/dockerfile/parser), and keeps what that throws
away: where each byte stood. Nothing here knows an image or a rule.
"""
