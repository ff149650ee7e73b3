"""Secrets Manager's rules: names, staging labels, versions, deletion, listing, passwords."""
