"""The only package that speaks SQL: one module an aggregate, one engine-neutral schema."""
