"""Very many pictures: a source of files, shards of it with an answer a row, and those who work on them.

Running it again goes on where it was; nothing here knows of pages, routes or options.
"""

__all__ = ["local", "parquet", "plan", "ray_cluster", "shards", "sources"]
