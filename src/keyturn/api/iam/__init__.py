"""AWS Identity and Access Management, as far as roles, users and their policies need it."""
