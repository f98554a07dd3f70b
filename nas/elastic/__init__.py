"""One elastic network that holds the weights of every architecture of a space."""
