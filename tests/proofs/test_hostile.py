"""Does anything that a client may send end in a 5xx? The proof's corpus and some mutations, without the sockets."""

import io
import random
import sys
import time
from itertools import islice
from urllib.parse import unquote_to_bytes

import pytest
from django.core.cache import cache

from proofs import hostile_requests
from proofs.hostile_client import Answer, complaint
from retail_pulse.handler import Handler

pytestmark = pytest.mark.django_db(transaction=True)

MUTATIONS = 600
CORPUS_SHARE = 8


@pytest.fixture
def ask(settings):
    settings.API_OPEN = True
    settings.API_RATE_PER_MINUTE = 0
    cache.clear()
    handler = Handler()

    def complain(request):
        """What is wrong with the answer; empty where nothing is."""
        begun = time.monotonic()
        response = handler(environ(request), lambda *_: None)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        response.close()
        named = {name.lower(): value for name, value in response.headers.items()}
        wrong = complaint(request, Answer(response.status_code, named, body, time.monotonic() - begun))
        return f"{request}: {wrong}" if wrong else ""

    return complain


def environ(request):
    """The request as a web server hands it over (PEP 3333)."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        **headers,
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
    }


def sound(requests):
    return (request for request in requests if request.is_sound)


def test_a_share_of_the_corpus(ask):
    corpus = list(sound(hostile_requests.whole_corpus()))
    assert len(corpus) > 1000
    chosen = random.Random(7).sample(corpus, len(corpus) // CORPUS_SHARE)
    assert list(filter(None, map(ask, chosen))) == []


def test_mutations_of_it(ask):
    chosen = islice(sound(hostile_requests.mutations(seed=7)), MUTATIONS)
    assert list(filter(None, map(ask, chosen))) == []
