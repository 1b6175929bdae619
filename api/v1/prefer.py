"""The header Prefer (RFC 7240), of which `wait` is understood: how long a request may wait for a change."""

import re

from django.conf import settings

MOST_SECONDS = 60
# Between the end of a wait and the web server's own limit, the answer is made and sent.
_TO_ANSWER_SECONDS = 1
# Parameters of a preference come behind a semicolon; `wait` has none.
_WAIT = re.compile(r'\s*wait\s*=\s*("?)([0-9]{1,9})\1\s*(?:;.*)?', re.IGNORECASE)


def wait_in(header: str) -> int | None:
    """For how many whole seconds the client would wait, no more than there is time for; None where it does not say.

    What is malformed or unknown is passed over, and of two, the first counts: both as RFC 7240, section 2, requires.
    """
    for preference in header.split(","):
        if (found := _WAIT.fullmatch(preference)) is not None:
            return max(0, min(int(found[2]), MOST_SECONDS, int(settings.WEB_REQUEST_SECONDS) - _TO_ANSWER_SECONDS))
    return None


def applied(seconds: int) -> dict[str, str]:
    """The answer's header that says so."""
    return {"Preference-Applied": f"wait={seconds}"}
