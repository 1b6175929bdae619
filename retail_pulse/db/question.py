"""What a probe asks the database: the answer is there within a bounded time, or it is none."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic

from django.db import connection


class Question[T]:
    """Asked in a separate thread: no single timeout of the driver covers waiting for a connection, connecting and a
    frozen server. There is one such thread at most, however many want the answer.
    """

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._name = name
        self._ask = ask
        self._asking = Lock()

    def answer(self, seconds: float) -> T:
        """Raises TimeoutError after `seconds`, and whatever `ask` raises."""
        deadline = monotonic() + seconds
        if not self._asking.acquire(timeout=seconds):
            raise TimeoutError
        answer: Future[T] = Future()
        try:
            Thread(target=self._run, args=[answer], name=self._name, daemon=True).start()
        except BaseException:
            # Mostly no thread could be had. Whatever it was, a lock that stays taken would be no answer for ever.
            self._asking.release()
            raise
        return answer.result(timeout=max(0.0, deadline - monotonic()))

    def _run(self, answer: Future[T]) -> None:
        try:
            try:
                found = self._ask()
            finally:
                connection.close()
        except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
            answer.set_exception(error)
        else:
            answer.set_result(found)
        finally:
            self._asking.release()
