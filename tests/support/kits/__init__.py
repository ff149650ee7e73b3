"""Real servers, one file an engine, for the tests that every engine and strategy has to pass."""
