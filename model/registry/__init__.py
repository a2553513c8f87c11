"""Every model by its name: bundles that ship, those trained here, and the store in the database.

It keeps files and cards, and loads no network.
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
