"""Running functions: environments, sandboxes, and what stands between them and an invocation."""
