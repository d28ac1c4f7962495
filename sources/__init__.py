"""modelwatch looks: each source turns somebody else's rows into our observations and knows nothing more."""
