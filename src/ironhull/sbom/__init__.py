"""Bills of materials: every file of an image and whose it is, as CycloneDX and as SPDX."""
