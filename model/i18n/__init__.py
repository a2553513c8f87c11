"""The language of messages and numbers.

The code contains the English text; locale/ has the catalogues of the other languages.
"""

__all__ = ["number_format", "translations"]
