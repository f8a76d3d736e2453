"""The counters at which the tickets of a system are had: the far side of each protocol, once, set by data."""
