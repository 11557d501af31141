"""What Ironhull says of an image that it built, as predicates of in-toto statements.

Each is a function from values of other rooms to bytes: the same values give the same bytes.
"""
