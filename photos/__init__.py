"""What photos tell about the visits that they were taken at: which are of no use, and which are used twice.

Everything here reads the evidence that engines have recorded, see `jobs/imaging/photo_evidence.py`; nothing of it is
asked while images are claimed or recorded.
"""
