"""The nouns: geometry, planes, volumes, clicks, masks; small frozen objects, numpy at most."""
