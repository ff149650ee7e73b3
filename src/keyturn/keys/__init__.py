"""The only package that does cryptography on what is stored."""
