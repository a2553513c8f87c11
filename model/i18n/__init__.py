"""The language that sentences and numbers are in.

English stands in the code; locale/ has the catalogues of the other languages.
"""

__all__ = ["number_format", "translations"]
