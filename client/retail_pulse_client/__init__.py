"""A client of Retail Pulse's API v1, for programs (`Client`) and for the command line (`retail-pulse`)."""

from .client import Client, Submitted
from .errors import ClientError, Misconfigured, Refused, Unreachable

__all__ = ["Client", "ClientError", "Misconfigured", "Refused", "Submitted", "Unreachable"]
