"""Keyturn: a secrets manager that speaks AWS's API and rotates credentials for real."""

__version__ = "0.1.0"
