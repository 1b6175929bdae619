"""What is refused before there is a view: is it a page for a browser, and a sentence for a script?"""

import pytest

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
# The query, the headers, and the status and a part of the sentence of the answer.
REFUSED = {
    "a NUL": ("/jobs/?q=%00", {}, 400, "NUL character"),
    "a body that is too large": ("/sign-in/", {"CONTENT_LENGTH": "99999999"}, 413, "larger than this service accepts"),
    "chunks": ("/sign-in/", {"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "send it with Content-Length"),
    "a coding": ("/sign-in/", {"HTTP_CONTENT_ENCODING": "gzip", "CONTENT_LENGTH": "9"}, 415, "Content-Encoding"),
}


@pytest.mark.parametrize(("path", "headers", "status", "said"), REFUSED.values(), ids=REFUSED)
def test_a_browser_gets_our_page_and_a_script_the_sentence(client, path, headers, status, said):
    page = client.generic("POST", path, HTTP_ACCEPT=BROWSER, **headers)
    assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "Retail Pulse</title>" in page.content.decode()
    assert said in page.content.decode()
    assert page["Content-Length"] == str(len(page.content))
    assert "default-src" in page["Content-Security-Policy"]

    for accept in ({"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": BROWSER, "HTTP_HX_REQUEST": "true"}, {}):
        sentence = client.generic("POST", path, **accept, **headers)
        assert (sentence.status_code, sentence["Content-Type"]) == (status, "text/plain")
        assert said in sentence.content.decode()
