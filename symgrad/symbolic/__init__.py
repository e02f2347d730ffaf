"""SymPy's corner: partials derived from formulas, and proofs. It is imported when needed."""
