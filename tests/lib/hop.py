"""A next hop that does as it is told: an SMTP or LMTP server for tests of sending.

    with Hop() as hop:
        hop.on["RCPT"] = lambda line, session: "550 5.1.1 nobody" if "bad@" in line else None
        Daemon(routes={"away.test": f"smtp://127.0.0.1:{hop.port}"})
        mail, = hop.wait_for(1)
        mail.sender, mail.recipients, mail.content, mail.tls, mail.login

A rule of `on` gets each command line of its verb (CONNECT for the greeting, DOT for the end of data)
and answers with reply lines, "" to say nothing, CLOSE to hang up, or None for the usual reply.
"""
import base64
import socket
import ssl
import threading
from dataclasses import dataclass, field

CLOSE = object()


@dataclass
class Mail:
    sender: str
    sender_line: str = ""
    recipients: list = field(default_factory=list)
    recipient_lines: list = field(default_factory=list)
    content: bytes = b""
    tls: str = ""
    login: str = ""
    helo: str = ""
    connection: int = 0
    source: str = ""


class Hop:
    def __init__(self, tls=None, login=None, lmtp=False, port=0, address="127.0.0.1", path=None,
                 extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 52428800"),
                 certificate=None):
        self.tls, self.login, self.lmtp = tls, login, lmtp
        self.address, self.path, self.extensions = address, path, tuple(extensions)
        self.certificate = certificate
        self.on = {}
        self.mails, self.lines, self.connections = [], [], 0
        self.news = threading.Condition()
        self.listener, self.sessions, self.threads = None, [], []
        self.port = port
        self.open()

    # --- life ------------------------------------------------------------------------------------
    def open(self):
        """Listens, also again after close(): on the same port."""
        if self.path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.path))
            self.listener.listen()
        else:
            family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            self.listener = socket.create_server((self.address, self.port), family=family)
            self.port = self.listener.getsockname()[1]
        self._spawn(self._accept, self.listener)

    def close(self):
        if self.listener is None:
            return
        listener, self.listener = self.listener, None
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        listener.close()
        for session in list(self.sessions):
            session.cut()
        for thread in list(self.threads):
            if thread is not threading.current_thread():
                thread.join(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _spawn(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self, listener):
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            self.connections += 1
            session = Session(self, connection, peer[0] if peer else "", self.connections)
            self.sessions.append(session)
            self._spawn(session.serve)

    # --- what came ---------------------------------------------------------------------------------
    def add(self, mail):
        with self.news:
            self.mails.append(mail)
            self.news.notify_all()

    def wait_for(self, count, timeout=60):
        """The first mails, once there are so many."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.mails) >= count, timeout):
                raise AssertionError(f"{len(self.mails)} of {count} mails came; the next hop heard "
                                     f"{self.lines[-12:]}")
            return self.mails[:count]


class Session:
    def __init__(self, hop, connection, source, number):
        self.hop, self.socket, self.source, self.number = hop, connection, source, number
        self.buffer, self.tls, self.user, self.helo = b"", "", "", ""
        self.mail = None
        self.context = None
        if hop.tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*hop.certificate)

    def cut(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def serve(self):
        try:
            if self.hop.tls == "implicit":
                self.start_tls()
            self.say(self.rule("CONNECT", "") or "220 hop.test ESMTP")
            while self.command(self.line()):
                pass
        except (OSError, EOFError):
            pass
        finally:
            self.socket.close()
            self.hop.sessions.remove(self)

    def start_tls(self):
        self.socket = self.context.wrap_socket(self.socket, server_side=True)
        self.tls = self.socket.version()

    def line(self):
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("utf-8", "surrogateescape")

    def take(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def content(self):
        while b"\r\n.\r\n" not in b"\r\n" + self.buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self.buffer += data
        at = (b"\r\n" + self.buffer).index(b"\r\n.\r\n")
        data, self.buffer = self.buffer[:at], self.buffer[at + 3:]
        return b"\r\n".join(line[1:] if line.startswith(b".") else line
                            for line in data.split(b"\r\n"))

    def say(self, reply):
        if reply is CLOSE:
            raise EOFError
        if reply:
            self.socket.sendall(reply.replace("\n", "\r\n").encode("utf-8", "surrogateescape")
                                + b"\r\n")
        return True

    def rule(self, verb, line):
        rule = self.hop.on.get(verb)
        return rule(line, self) if rule else None

    def command(self, line):
        verb = line.split(" ")[0].split(":")[0].upper()
        self.hop.lines.append(line)
        reply = self.rule(verb, line)
        if reply is not None:
            return self.say(reply)
        handler = getattr(self, f"on_{verb.lower()}", None)
        return handler(line) if handler else self.say("500 5.5.2 what?")

    def on_ehlo(self, line):
        self.helo = line.split(" ", 1)[1]
        words = list(self.hop.extensions)
        if self.hop.tls == "starttls" and not self.tls:
            words.append("STARTTLS")
        if self.hop.login:
            words.append("AUTH PLAIN LOGIN")
        lines = ["hop.test", *words]
        return self.say("\n".join(f"250{' ' if i + 1 == len(lines) else '-'}{word}"
                                  for i, word in enumerate(lines)))

    on_lhlo = on_ehlo

    def on_helo(self, line):
        self.helo = line.split(" ", 1)[1]
        return self.say("250 hop.test")

    def on_starttls(self, _):
        self.say("220 2.0.0 go ahead")
        self.start_tls()
        return True

    def on_auth(self, line):
        words = line.split(" ")
        if words[1].upper() == "PLAIN":
            if len(words) < 3:
                self.say("334 ")
                words.append(self.line())
            _, user, password = base64.b64decode(words[2]).decode().split("\0")
        else:
            self.say("334 VXNlcm5hbWU6")
            user = base64.b64decode(self.line()).decode()
            self.say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(self.line()).decode()
        if (user, password) != self.hop.login:
            return self.say("535 5.7.8 no")
        self.user = user
        return self.say("235 2.7.0 welcome")

    def on_mail(self, line):
        if self.hop.login and not self.user:
            return self.say("530 5.7.0 log in first")
        self.mail = Mail(path_of(line), line, tls=self.tls, login=self.user, helo=self.helo,
                         connection=self.number, source=self.source)
        return self.say("250 2.1.0 ok")

    def on_rcpt(self, line):
        if self.mail is None:
            return self.say("503 5.5.1 no")
        self.mail.recipients.append(path_of(line))
        self.mail.recipient_lines.append(line)
        return self.say("250 2.1.5 ok")

    def on_data(self, _):
        if self.mail is None or not self.mail.recipients:
            return self.say("503 5.5.1 no recipients")
        self.say("354 go on")
        self.mail.content = self.content()
        return self.end()

    def on_bdat(self, line):
        words = line.split(" ")
        self.mail.content += self.take(int(words[1]))
        return self.end() if words[-1].upper() == "LAST" else self.say("250 2.0.0 more")

    def end(self):
        """The reply to the whole mail; LMTP has one for each recipient (RFC 2033 §4.2)."""
        mail, self.mail = self.mail, None
        self.ended = mail  # for rules of DOT
        kept = []
        for recipient in mail.recipients if self.hop.lmtp else [None]:
            reply = self.rule("DOT", recipient or "")
            if reply is None or (isinstance(reply, str) and reply.startswith("2")):
                kept.append(recipient)
            replies = reply if reply is not None else "250 2.0.0 taken"
            if kept and recipient is kept[-1] and not self.hop.lmtp:
                self.hop.add(mail)
            self.say(replies)
        if self.hop.lmtp and kept:
            mail.recipients = kept
            self.hop.add(mail)
        return True

    def on_rset(self, _):
        self.mail = None
        return self.say("250 2.0.0 ok")

    def on_noop(self, _):
        return self.say("250 2.0.0 ok")

    def on_quit(self, _):
        self.say("221 2.0.0 bye")
        return False


def path_of(line):
    return line[line.index("<") + 1:line.index(">")]
