"""The frozen words that every other package shares. No IO, no decisions about services."""
