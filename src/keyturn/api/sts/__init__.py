"""AWS Security Token Service: who a caller is, and how to become a role."""
