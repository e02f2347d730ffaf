"""The graph: nodes, avals, symbolic sizes, the op registry, the verifier and a printer."""
