"""A small SMTP client that says exactly what it is told, byte by byte, and fails loudly.

It knows no manners of its own (no dot-stuffing unless asked, no EHLO by itself), because tests of a
server must be able to be rude.
"""
import base64
import socket
import ssl


class Closed(AssertionError):
    """The server closed the connection while a reply was expected."""


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[0][:3])
        self.text = "\n".join(line[4:] for line in lines)

    def __str__(self):
        return "\n".join(self.lines)

    def enhanced(self):
        return self.text.split(" ", 1)[0]


class Smtp:
    def __init__(self, port, implicit=False, timeout=20, source="127.0.0.1", greet=True,
                 host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout, (source, 0))
        self.buffer = b""
        self.greeting = None
        if implicit:
            self._wrap()
        if greet:
            self.greeting = self.reply(220)

    def _wrap(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.yahoo.test")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("utf-8"))

    def line(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise Closed(f"closed by the server; had {self.buffer!r}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise AssertionError(f"reply line without CRLF: {line!r}")
        return line[:-1].decode("utf-8", "surrogateescape")

    def reply(self, *codes):
        """The next reply; with codes, it must have one of them."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        reply = Reply(lines)
        if codes and reply.code not in codes:
            raise AssertionError(f"expected {codes}, got: {reply}")
        return reply

    def cmd(self, line, *codes):
        self.send(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply(*codes)

    def ehlo(self, name="client.test"):
        return self.cmd(f"EHLO {name}", 250)

    def starttls(self):
        self.cmd("STARTTLS", 220)
        assert not self.buffer, f"bytes behind the reply to STARTTLS: {self.buffer!r}"
        self._wrap()

    def auth_plain(self, user, password, *codes):
        blob = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.cmd(f"AUTH PLAIN {blob}", *(codes or (235,)))

    def envelope(self, sender, recipients):
        self.cmd(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            self.cmd(f"RCPT TO:<{recipient}>", 250)

    def data(self, content, *codes):
        """DATA, the content dot-stuffed, the final dot; returns the reply to it."""
        self.cmd("DATA", 354)
        self.send(stuffed(content) + b".\r\n")
        return self.reply(*(codes or (250,)))

    def bdat(self, content, *codes, last=False):
        """One chunk as it is (RFC 3030); returns the reply to it."""
        self.send(f"BDAT {len(content)}{' LAST' if last else ''}\r\n".encode() + content)
        return self.reply(*(codes or (250,)))

    def send_mail(self, sender, recipients, content):
        self.envelope(sender, recipients)
        return self.data(content)

    def at_end(self):
        """Whether the server has closed (reads on until it does, or the deadline)."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return True
                self.buffer += data
        except (ConnectionError, ssl.SSLError):
            return True

    def quit(self):
        reply = self.cmd("QUIT", 221)
        self.close()
        return reply

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stuffed(content):
    """CRLF lines, dots doubled, a final CRLF (RFC 5321 §4.5.2)."""
    if isinstance(content, str):
        content = content.encode("utf-8")
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..")


def message(subject="Hello", sender="tom@gmail.test", to="jerry@yahoo.test", body="Hello Jerry,\r\n",
            extra=""):
    return (f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
            f"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <{abs(hash(subject))}@client.test>"
            f"\r\n{extra}\r\n{body}")
