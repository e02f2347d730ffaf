"""A Program printed as NumPy source: readable, fast, standalone."""
