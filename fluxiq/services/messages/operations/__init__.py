"""What the institution's own people read and order of the running system, one file a room."""
