"""Each module is one change of the schema."""
