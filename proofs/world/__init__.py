"""The parts of the proofs' worlds: PostgreSQL servers, image servers and the service's processes."""
