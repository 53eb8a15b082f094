"""The bridge looks for itself: asks the platforms for their sales, and records what no webhook brought."""
