"""The databases and services whose credentials are rotated, one a module."""
