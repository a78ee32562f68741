"""What went wrong, said so that somebody can act on it: crash reports, stalls, hogs."""
