"""The pages about error codes and problem types, which our own answers link to."""

import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from api.v1.problem_types import PAGE, Problem
from jobs.error_help import explain
from jobs.errors import HTTPStatus, all_errors

PAGES = [reverse("dashboard:errors_docs"), reverse("dashboard:problems_docs")]


class Outline(HTMLParser):
    """The page's ids, its headings' levels and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.named: list[str] = []
        self.levels: list[int] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.named += [value for name, value in attrs if name == "aria-labelledby"]
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_data(self, data):
        self.words += data


@pytest.fixture
def outline(client):
    return lambda page: Outline(client.get(page).text)


@pytest.mark.parametrize("page", PAGES)
def test_everybody_may_read_it_without_a_database(client, page):
    response = client.get(page)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert client.head(page).status_code == 200
    assert client.post(page).status_code == 405


@pytest.mark.parametrize("page", PAGES)
def test_its_anchors_are_unique_and_its_headings_in_order(outline, page):
    found = outline(page)
    assert len(found.ids) == len(set(found.ids))
    assert set(found.named) <= set(found.ids)
    assert found.levels[0] == 1
    assert found.levels.count(1) == 1
    assert all(below - above <= 1 for above, below in zip(found.levels, found.levels[1:], strict=False))


@pytest.mark.parametrize("page", PAGES)
def test_it_leads_to_the_other_one(client, page):
    (other,) = set(PAGES) - {page}
    assert f'href="{other}"' in client.get(page).text


def test_every_code_has_its_place_with_sentence_and_advice(outline):
    found = outline(reverse("dashboard:errors_docs"))
    codes = [error.code for error in all_errors() if error is not HTTPStatus]
    for code in [
        *codes,
        "http_401",
        "http_403",
        "http_404",
        "http_410",
        "http_429",
        "http_500",
        "http_503",
        "http_521",
    ]:
        assert code in found.ids
        assert explain(code).advice in found.words
        assert explain(code).retry.sentence in found.words
    for code in codes:
        assert explain(code).sentence in found.words


@pytest.mark.parametrize("problem", Problem)
def test_a_problems_uri_leads_to_its_place(outline, problem):
    page, _, anchor = problem.value.uri.partition("#")
    assert page == PAGE == reverse("dashboard:problems_docs")
    found = outline(page)
    assert anchor in found.ids
    for text in (problem.value.title, problem.value.explanation, problem.value.advice, str(problem.value.status)):
        assert text in found.words
