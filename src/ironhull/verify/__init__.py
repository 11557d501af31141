"""Yes or no, and why: who signed what about an image, and what a policy says of it.

What is attached to an image is a stranger's until its signature holds under a key that was given.
"""
