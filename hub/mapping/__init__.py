"""The steps that read a ticket: paths, typed values, times, places. Pure."""
