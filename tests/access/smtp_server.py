"""A mail server on loopback, over real sockets: it keeps what it is sent, or answers as a test wants."""

import socketserver
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Event, Thread
from types import TracebackType
from typing import Self


class _Conversation(socketserver.StreamRequestHandler):
    server: "SMTPServer"

    def handle(self) -> None:
        if self.server.is_silent:
            self.server.asked.set()
            self.server.ended.wait()
            return
        self._say("220 ready")
        for line in self.rfile:
            self.server.asked.set()
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                self._read_message()
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            elif verb == b"RCPT" and self.server.refuses:
                self._say("550 nobody of this name")
            else:
                self._say("250 fine")

    def _read_message(self) -> None:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class SMTPServer(socketserver.ThreadingTCPServer):
    """`refuses` every recipient; `is_silent`: accepts connections and never says a word."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, refuses: bool = False, is_silent: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.refuses, self.is_silent = refuses, is_silent
        self.messages: list[EmailMessage] = []
        # Somebody has connected; the test is over.
        self.asked, self.ended = Event(), Event()

    @property
    def mailers(self) -> dict[str, object]:
        """Django's setting for this server."""
        options = {"host": "127.0.0.1", "port": self.server_address[1], "timeout": 30}
        return {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()
