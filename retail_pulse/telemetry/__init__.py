"""How a process is doing: metrics and probes on a port of its own."""
