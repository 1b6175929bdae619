"""What is said of jobs on their way: read, derived, and never written."""
