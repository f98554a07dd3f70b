"""Who trains what a study wants trained: this process, processes beside it, or a Ray cluster."""
