"""A running server for each test process, and the API of its administrator for each test."""

from support.live_fixtures import administrator, api, bench, other, other_administrator, server

__all__ = ["administrator", "api", "bench", "other", "other_administrator", "server"]
