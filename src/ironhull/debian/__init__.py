"""Debian's nouns: version, control stanza, relation, binary package, release file, .deb. No I/O."""
