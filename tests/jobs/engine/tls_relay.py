"""A TLS server in front of a server on this machine that speaks none."""

import asyncio
import ssl
import threading
from contextlib import suppress


class TLSRelay:
    """Listens on a port of 127.0.0.1 with the certificate of `context`, and relays to the port `server`."""

    def __init__(self, context: ssl.SSLContext, server: int) -> None:
        self._context = context
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls-relay", daemon=True)
        self.port = 0
        self.relayed = 0
        """How many connections have passed their handshake."""

    def __enter__(self) -> "TLSRelay":
        self._thread.start()
        listen = asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._context)
        listening = asyncio.run_coroutine_threadsafe(listen, self._loop).result()
        self.port = listening.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.relayed += 1
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server)
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
