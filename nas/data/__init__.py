"""One file a data source, and the cache that holds decoded frames at proxy resolution."""
