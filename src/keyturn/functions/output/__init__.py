"""What functions print, on its way to the log."""
