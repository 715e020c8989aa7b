"""A box between a client and a server, both under implicit TLS, that hides logins the server offers: a client that
takes the first one it knows has to take another.

    with Middlebox(daemon.port("submission", "implicit"), offer="LOGIN") as box:
        ...                                   # a client talks TLS to 127.0.0.1:box.port
    box.commands("AUTH")                      # ["AUTH LOGIN"]
"""
import re
import select
import socket
import ssl
import threading

from lib.daemon import certificate


class Middlebox:
    def __init__(self, port, offer):
        self.target, self.offer = port, offer.encode()
        self.said = b""
        self.inward = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.inward.load_cert_chain(*certificate())
        self.outward = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.outward.check_hostname, self.outward.verify_mode = False, ssl.CERT_NONE  # as `tls no-verify`
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()
        self.thread.join(30)

    def _serve(self):
        """One client after the other; one thread, as a TLS connection has no room for two."""
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            with socket.create_connection(("127.0.0.1", self.target), 30) as below, \
                    self.inward.wrap_socket(plain, server_side=True) as client, \
                    self.outward.wrap_socket(below) as server:
                self._carry(client, server)

    def _carry(self, client, server):
        try:
            while True:
                waiting = [one for one in (client, server) if one.pending()]
                for source in waiting or select.select((client, server), (), (), 60)[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is client:
                        self.said += data
                        server.sendall(data)
                    else:
                        client.sendall(re.sub(rb"AUTH [^\r\n]*", b"AUTH " + self.offer, data))
        except OSError:
            pass

    def commands(self, verb):
        """The command lines with this verb, as text."""
        return [line.decode() for line in re.findall(rb"(?m)^(" + verb.encode() + rb"\b[^\r\n]*)\r$", self.said)]
