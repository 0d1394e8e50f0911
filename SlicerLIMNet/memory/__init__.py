"""Memory of a propagation: what is kept of the slices seen, and how it is asked."""
