"""What any image holds: packages, accounts, configuration, attack surface, layers."""
