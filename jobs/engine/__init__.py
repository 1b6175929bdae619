"""What works the queue: `base.py` says what is promised, the other modules keep it."""
