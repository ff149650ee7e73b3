"""HTTP: the only asynchronous code. It reads a request whole, and hands it to ``api.dispatch``."""
