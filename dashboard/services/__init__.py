"""What lives longer than one run of a page: loaded networks, background work, the public link.

Shared by all visitors.
"""

__all__ = [
    "content_security_policy",
    "explanation_cache",
    "jobs",
    "ngrok_tunnel",
    "resources",
    "stand_in",
    "stranger_jobs",
    "test_set_jobs",
    "visitor_language",
]
