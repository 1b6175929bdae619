"""The numbers of all advisory locks, which every process of one database shares: none may be taken twice."""

# The first half of the lock that a living worker's heartbeat holds; the second half is the worker's id.
WORKER = 0x5250
# Each is held for a transaction, by whoever deletes slices of jobs, writes summaries, alerts, or findings about photos.
DELETION = 0x5250_0001
SUMMARIES = 0x5250_0002
ALERTS = 0x5250_0003
FINDINGS = 0x5250_0004
