"""Takes events as the monitor does, and forgets them; so light that it keeps up with any server.

The real monitor writes every event to disk, and cannot take 100,000 rows a second from a server
under full load on the same two cores: events would be dropped, and the server measured without
the cost of sending them.

Run: `python -m tests.benchmarks.serving.sink PORT`.
"""

import asyncio
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Sink(asyncio.Protocol):
    """One connection: requests with a Content-Length, each answered 200."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts before the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._head = b""
        self._left = 0

    def data_received(self, data: bytes) -> None:
        """Skips bodies by their length; a request of ours comes after the last one's answer."""
        if not self._left:
            self._head += data
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            self._head, data = b"", rest
        self._left -= len(data)
        if not self._left:
            self._transport.write(_ANSWER)


async def main(port: int) -> None:
    """Serves until it is told to stop."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
