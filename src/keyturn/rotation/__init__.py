"""A secret's rotation: when it is due, what it does next, and doing it."""
