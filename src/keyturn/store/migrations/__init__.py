"""The schema's history: one file a change, applied in order, never edited afterwards."""
