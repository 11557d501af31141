"""VEX documents: read from three formats, written as OpenVEX, checked for honesty. No scan here."""
