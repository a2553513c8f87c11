"""Add an untrusted model file to the store: inspect it in a sandbox, find its pixel scaling, name its classes."""

__all__ = ["add_model"]
