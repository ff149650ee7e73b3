"""What Lambda calls: one module a rotation function, named ``<engine>_<strategy>``."""
