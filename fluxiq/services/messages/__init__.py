"""What callers say and what they are told: the bodies of the API, one file for each resource.

Requests are strict: an unknown field, a float, a string or a negative amount is refused by name.
"""
