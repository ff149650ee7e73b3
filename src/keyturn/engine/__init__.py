"""The engine process: background work, one job a file."""
