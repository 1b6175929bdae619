"""The API of our own: every path under /api/v1/."""
