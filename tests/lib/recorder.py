"""A proxy that keeps what a client said to a server without TLS: proof of what it really used.

    with Recorder(daemon.port("relay", "none")) as recorder:
        ...                                   # a client talks to 127.0.0.1:recorder.port
    recorder.commands("MAIL")                 # ["MAIL FROM:<tom@gmail.test> RET=FULL"]
"""
import re
import socket
import threading


class Recorder:
    def __init__(self, port):
        self.target = port
        self.said = b""  # by all clients, in the order it came
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = []
        self.lock = threading.Lock()

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()
        for thread in list(self.threads):
            thread.join(30)

    def _spawn(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target), 30)
            server.settimeout(None)
            self._spawn(self._carry, client, server, True)
            self._spawn(self._carry, server, client, False)

    def _carry(self, source, sink, keep):
        try:
            while data := source.recv(1 << 16):
                if keep:
                    with self.lock:
                        self.said += data
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def commands(self, verb):
        """The command lines with this verb, as text. A line of a body could look like one: tests know theirs."""
        lines = re.findall(rb"(?mi)^(" + verb.encode() + rb"\b[^\r\n]*)\r$", self.said)
        return [line.decode("utf-8") for line in lines]
