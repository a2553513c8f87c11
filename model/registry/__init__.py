"""All models by name: the bundles that ship, those trained here, and the store in the database.

Files and cards only: no network is loaded here.
"""

__all__ = [
    "card",
    "catalog",
    "checksums",
    "database",
    "locations",
    "materialized_models",
    "resolution",
    "store",
    "tables",
]
