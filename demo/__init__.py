"""`./run demo`: the whole service on sample data, seen from outside through its HTTP API."""
