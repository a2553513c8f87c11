"""The document of measurements, benchmarks/RESULTS.md, and what only it measures.

`python -m benchmarks.results` measures everything; with names of parts, those alone, and keeps the rest.
"""

__all__: list[str] = []
