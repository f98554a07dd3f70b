"""Task-specific filter pruning: which filters survive, and the copying of their weights."""
