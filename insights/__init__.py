"""What the service knows of stores, areas and hosts by its finished images: where to look, with how sure one can be.

Everything here reads finished rows alone; nothing of it is asked while images are claimed or recorded.
"""
