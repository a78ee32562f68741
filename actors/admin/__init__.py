"""The operators' way in: sockets, the desk that answers there, and the verbs it knows."""
