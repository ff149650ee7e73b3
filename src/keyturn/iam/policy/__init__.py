"""What policies allow. Pure: no store, no clock, nothing but documents and questions."""
