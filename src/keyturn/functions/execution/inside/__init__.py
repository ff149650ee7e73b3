"""What runs inside a function's sandbox, in front of its code. It knows nothing of Keyturn."""
