"""How fast the service is, compared with alternatives that do the same work on the same machine, in the same run."""
