from tests.jobs.queue.conftest import other

__all__ = ["other"]
