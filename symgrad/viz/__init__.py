"""What a person sees of a compiled graph: pictures, equations, the report."""
