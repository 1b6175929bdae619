"""What the proofs make their worlds of: PostgreSQL servers, image servers and services in processes of their own."""
