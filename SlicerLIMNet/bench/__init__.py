"""How fast the engine is: ratios of two ways in one run, with what they depend on."""
