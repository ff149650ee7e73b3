"""Every table, by importing every aggregate. For migrations, and for the tests of the schema."""

import importlib
import pkgutil

import keyturn.store
from keyturn.store.metadata import metadata

__all__ = ["metadata"]

_NOT_AGGREGATES = {"tables", "migrate", "database", "metadata", "read_cache"}

for _module in pkgutil.iter_modules(keyturn.store.__path__):
    if not _module.ispkg and _module.name not in _NOT_AGGREGATES:
        importlib.import_module(f"keyturn.store.{_module.name}")
