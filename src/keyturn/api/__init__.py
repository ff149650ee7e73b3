"""What AWS's clients may call: one table of operations a service, and the way through them."""
