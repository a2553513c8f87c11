"""Who is at the page and what they may do: owner and visitors, the password, signing in.

Every change is checked in `roles`.
"""

__all__ = ["password", "roles", "sign_in", "visitors"]
