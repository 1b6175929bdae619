"""Mails: sent by threads of their own, a few at a time and for a bounded time, so that no mail server holds up a page.

Whether a mail arrives is the mail server's affair; nothing of the service depends on it.
"""

import logging
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.dummy import EmailBackend

logger = logging.getLogger(__name__)

# How long somebody waits to learn whether a mail was sent.
PATIENCE_SECONDS = 10.0
MOST_AT_ONCE = 4
_free = BoundedSemaphore(MOST_AT_ONCE)


class Nowhere(EmailBackend):
    """Where EMAIL_URL is not set: administrators hand over what would be mailed. Django's own is for development."""


def is_configured() -> bool:
    return bool(settings.EMAIL_URL)


def send(message: EmailMessage) -> bool:
    """Whether the mail server took the message within PATIENCE_SECONDS."""
    try:
        return begin(message).result(PATIENCE_SECONDS)
    except TimeoutError:
        logger.warning("mail server takes too long")
        return False


def begin(message: EmailMessage) -> "Future[bool]":
    """Send the message without waiting; where MOST_AT_ONCE are under way, it is dropped with a line in the log."""
    sent: Future[bool] = Future()
    if not _free.acquire(blocking=False):
        logger.warning("mail not sent, others are under way", extra={"under_way": MOST_AT_ONCE})
        sent.set_result(False)
        return sent
    try:
        Thread(target=_send, args=(message, sent), name="mail", daemon=True).start()
    except RuntimeError as error:  # no more threads
        _free.release()
        logger.warning("mail not sent", extra={"error": str(error)})
        sent.set_result(False)
    return sent


def _send(message: EmailMessage, sent: "Future[bool]") -> None:
    is_sent = False
    try:
        is_sent = message.send() == 1
    except Exception as error:  # noqa: BLE001 - the library's, the network's, the server's
        # Not its text, which may repeat addresses.
        logger.warning("mail not sent", extra={"error_type": type(error).__name__})
    finally:
        _free.release()
        sent.set_result(is_sent)
