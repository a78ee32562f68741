"""The parts of the API, one file each: what is said, what comes back."""
