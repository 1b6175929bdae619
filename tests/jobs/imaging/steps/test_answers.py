"""What is kept of a model's numbers?"""

from math import inf, nan

import pytest
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.gpu import AnswerRefused, check_answer
from jobs.imaging.steps import answers
from jobs.imaging.steps.answers import MOST_NUMBERS, Answers, softmax

LABELS = ["shelf", "shop front", "receipt"]


def test_the_best_classes_are_named_best_first():
    assert Answers(LABELS, 2, softmax=False).of([0.1, 2.5, 0.25]) == {
        "classes": [{"label": "shop front", "score": 2.5}, {"label": "receipt", "score": 0.25}]
    }


def test_more_classes_are_asked_for_than_there_are():
    assert len(Answers(LABELS, 10, softmax=False).of([1, 2, 3])["classes"]) == 3


def test_scores_become_parts_of_one_also_large_ones():
    assert softmax([0, 0]) == [0.5, 0.5]
    assert softmax([1000, 0]) == [1, 0]
    best = Answers(LABELS, 1, softmax=True).of([1, 2, 3])["classes"][0]
    assert best == {"label": "receipt", "score": 0.665241}


def test_without_labels_all_numbers_are_kept_to_six_digits():
    assert Answers([], 5, softmax=False).of([1 / 3, 12345678.0, 0]) == {"vector": [0.333333, 12345700.0, 0.0]}


def test_a_vector_is_bounded_and_fits():
    plain = Answers([], 5, softmax=False)
    check_answer(plain.of([-1.23456e-30] * MOST_NUMBERS))
    with pytest.raises(AnswerRefused, match="1,025 numbers; at most 1,024 are kept"):
        plain.of([1] * (MOST_NUMBERS + 1))


@pytest.mark.parametrize("number", [nan, inf, -inf])
@pytest.mark.parametrize("labels", [[], LABELS])
def test_what_is_not_finite_is_refused(number, labels):
    with pytest.raises(AnswerRefused, match="not finite"):
        Answers(labels, 5, softmax=True).of([1, number, 2])


def test_as_many_labels_are_needed_as_there_are_numbers():
    with pytest.raises(AnswerRefused, match="2 numbers, but GPU_LABELS has 3 lines"):
        Answers(LABELS, 5, softmax=False).of([1, 2])


def read(settings, tmp_path, content):
    file = tmp_path / "labels.txt"
    file.write_bytes(content)
    settings.GPU_LABELS = str(file)
    return Answers.from_settings().labels


def test_labels_are_the_lines_of_a_file(settings, tmp_path):
    assert read(settings, tmp_path, "Café\r\n receipt \n\nlast".encode()) == ["Café", "receipt", "", "last"]
    assert read(settings, tmp_path, b"a\x00b\n" + b"x" * 200)[0] == "a\\x00b"
    assert len(read(settings, tmp_path, b"x" * 200)[0]) == answers.LONGEST_LABEL


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_a_file_that_holds_no_labels_is_refused(settings, tmp_path, content):
    with pytest.raises(ImproperlyConfigured, match="GPU_LABELS="):
        read(settings, tmp_path, content)


def test_the_number_of_labels_is_bounded(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MOST_LABELS", 2)
    assert len(read(settings, tmp_path, b"a\nb\n")) == 2
    with pytest.raises(ImproperlyConfigured, match="it has 3 lines"):
        read(settings, tmp_path, b"a\nb\nc\n")


def test_a_missing_file_is_refused_and_none_is_needed(settings, tmp_path):
    settings.GPU_LABELS = str(tmp_path / "none.txt")
    with pytest.raises(ImproperlyConfigured, match=r"none\.txt"):
        Answers.from_settings()
    settings.GPU_LABELS = ""
    assert Answers.from_settings().labels == []
