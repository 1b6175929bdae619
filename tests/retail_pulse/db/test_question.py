"""Is the database asked again after whatever has kept it from answering?"""

import threading

import pytest

from retail_pulse.db.question import Question
from tests.factories import no_thread


def test_a_thread_that_cannot_be_had_is_asked_for_again(monkeypatch):
    question = Question("test", lambda: 7)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start"):
            question.answer(1)
    assert question.answer(10) == 7
