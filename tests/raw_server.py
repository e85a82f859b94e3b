"""A server on loopback that sends the bytes that it is given, be they HTTP or not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    answers: list[bytes]


class _Sending(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        # What is left unread when the connection ends could take the answer with it.
        self.rfile.read(length)
        answers = self.server.answers
        self.wfile.write(answers.pop(0) if len(answers) > 1 else answers[0])


@contextmanager
def sending(*answers: bytes) -> Iterator[str]:
    """Sends one answer a connection, and then closes it; the last answer stays.

    Yields:
        The server's base URL.
    """
    server = _Server(("127.0.0.1", 0), _Sending)
    server.answers = list(answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(body: bytes, *, status: str = "200 OK", cut: int | None = None) -> bytes:
    """An answer in HTTP that tells its length; with `cut`, only so many bytes of its body."""
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body[:cut]
