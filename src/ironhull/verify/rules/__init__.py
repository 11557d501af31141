"""The rules of a policy, a file for each subject: what was found, and what would satisfy them."""
