"""This service's own API: every path under /api/v1/."""
