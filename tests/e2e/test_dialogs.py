"""Every dialogue of tests/dialogs against a real daemon over real sockets, as written: one write per
group. The format and the world the dialogues expect are in tests/dialogs/README.md. Each dialogue has
a client address of its own, so that no limit counts another one's connections or wrong passwords.
"""
import socket
import ssl
import unittest

from lib.daemon import DEADLINE, ROOT, Daemon, certificate, toml
from lib.smtp import Closed, Smtp, message

FOLDER = ROOT / "tests" / "dialogs"
LISTENER_KEYS = ("role", "tls", "mode", "insecure_auth", "max_message_size", "max_recipients", "max_errors",
                 "max_junk_commands", "bare_lf", "max_messages", "pipelining", "size", "eight_bit_mime",
                 "enhanced_status_codes", "dsn", "smtputf8", "requiretls", "futurerelease", "deliverby", "mt_priority",
                 "max_recipient_domains", "limits", "vrfy", "expn", "chunking", "binarymime", "bdat_bare_lf")
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}


class Dialog:
    def __init__(self, path):
        self.path, self.name = path, str(path.relative_to(FOLDER).with_suffix(""))
        self.header = {"role": "mx", "tls": "starttls", "peer": "stranger"}
        self.steps = []  # (line number, kind, repetitions, text or bytes)
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("@"):
                self.header.update(word.split("=", 1) for word in line[1:].split())
            else:
                self.steps.append((number, *self.parse(number, line)))

    def parse(self, number, line):
        word = line.strip()
        if word in ("TLS", "NEW", "SHUTDOWN") or word.startswith("WAIT "):
            return word, 1, None
        kind, times, rest = line[0], 1, line[1:]
        if rest.startswith("*"):
            count, mark = "", 1
            while rest[mark].isdigit():
                count, mark = count + rest[mark], mark + 1
            times, rest = int(count), rest[mark:]
        if kind == "C" and rest.startswith("!"):
            return "C", times, unescape(rest[1:].strip())
        if kind == "C" and rest.startswith(":"):
            return "C", times, rest[1:].removeprefix(" ").encode() + b"\r\n"
        if kind == "S" and rest[:1] in (":", "+", "-"):
            return "S" + rest[0], times, rest[1:].strip()
        raise ValueError(f"{self.path}:{number}: not a line of a dialogue: {line!r}")

    def pure(self):
        return self.header.get("only") == "pure"

    def listener(self):
        return tuple((key, self.header[key]) for key in LISTENER_KEYS if key in self.header)


def unescape(text):
    if not (text.startswith('"') and text.endswith('"') and len(text) > 1):
        raise ValueError(f"not a quoted string: {text!r}")
    text, out, at = text[1:-1], b"", 0
    while at < len(text):
        if text[at] != "\\":
            out, at = out + text[at].encode("ascii"), at + 1
        elif text[at + 1] == "x":
            out, at = out + bytes([int(text[at + 2:at + 4], 16)]), at + 4
        else:
            out, at = out + ESCAPES[text[at + 1]], at + 2
    return out


def matches(pattern, line):
    return line.startswith(pattern[:-1]) if pattern.endswith("*") else line.rstrip() == pattern


class Runner:
    """One dialogue on one client address."""

    def __init__(self, dialog, endpoint, source):
        self.dialog, self.endpoint, self.source = dialog, endpoint, source
        self.smtp, self.number, self.about = None, 0, []

    def run(self):
        group = b""
        for self.number, kind, times, text in self.dialog.steps:
            if kind == "C":
                group += text * times
                continue
            if group:
                self.write(group)
                group = b""
            if kind == "NEW":
                self.connect()
            elif kind == "TLS":
                self.ready()._wrap()
            elif kind in ("S+", "S-"):
                self.about.append((kind, text))
            elif text == "closed":
                self.expect_end("the server did not close")
                self.smtp.close()
                self.smtp = None
            else:
                for _ in range(times):
                    self.expect(text)
        if group:
            self.write(group)
        if self.smtp is not None:
            self.leave()

    def ready(self):
        if self.smtp is None:
            self.connect()
        return self.smtp

    def connect(self):
        if self.smtp is not None:
            self.smtp.close()
        host, port = self.endpoint
        self.smtp = Smtp(port, host=host, source=self.source, greet=False, timeout=DEADLINE)

    def write(self, data):
        try:
            self.ready().send(data)
        except (ConnectionError, ssl.SSLError):
            pass  # closed by the server meanwhile: the replies, or their absence, will tell

    def expect(self, pattern):
        try:
            reply = self.ready().reply()
        except (Closed, ConnectionError, socket.timeout) as missing:
            self.fail(f"expected {pattern!r}, got none: {missing}")
        if not matches(pattern, reply.lines[-1]):
            self.fail(f"expected {pattern!r}, got {reply}")
        for kind, text in self.about:
            said = any(matches(text, line[4:]) for line in reply.lines)
            if said != (kind == "S+"):
                self.fail(f"{kind} {text}: in {reply}")
        self.about = []

    def expect_end(self, what):
        try:
            self.smtp.at_end()
        except socket.timeout:
            self.fail(what)
        if self.smtp.buffer:
            self.fail(f"nobody expected {self.smtp.buffer!r}")

    def leave(self):
        """The client disconnects; a reply nobody expected would be read now."""
        try:
            socket.socket.shutdown(self.smtp.socket, socket.SHUT_WR)
        except OSError:
            pass
        self.number = "end"
        self.expect_end("the server keeps a connection whose client has left")
        self.smtp.close()

    def fail(self, why):
        raise AssertionError(f"{self.dialog.name}.dialog:{self.number}: {why}")


DIALOGS = [d for d in (Dialog(p) for p in sorted(FOLDER.rglob("*.dialog"))) if not d.pure()]


class Dialogs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        kinds = sorted({dialog.listener() for dialog in DIALOGS})
        # A listener is known again by its address: 127.0.1.1, 127.0.1.2, ...
        hosts = {kind: f"127.0.1.{i + 1}" for i, kind in enumerate(kinds)}
        cls.daemon.write_config(cls.config(hosts))
        try:
            cls.daemon.start()
            cls.populate()
            listening = [line["address"].rsplit(":", 1) for line in cls.daemon.log
                         if line.get("event") == "serve.listening"]
            ports = {host: int(port) for host, port in listening}
            cls.endpoints = {kind: (host, ports[host]) for kind, host in hosts.items()}
        except BaseException:
            cls.daemon.remove()
            raise

    @classmethod
    def config(cls, hosts):
        cert, key = certificate()
        lines = ['hostname = "mx.yahoo.test"', f"state = {toml(str(cls.daemon.state))}"]
        for kind, host in {**hosts, (("role", "mx"), ("tls", "none"), ("of", "world")): "127.0.0.1"}.items():
            lines += ["[[listener]]", f'address = "{host}:0"']
            for name, value in kind:
                quoted = value.isdigit() or value in ("true", "false")
                if name in LISTENER_KEYS:
                    size = name == "max_message_size" and value.isdigit()
                    lines.append(f"{name} = " + (f'"{value}B"' if size else value if quoted else toml(value)))
        lines += ["[tls]", f"certificate = {toml(str(cert))}", f"key = {toml(str(key))}", "[relay]",
                  'networks = ["127.9.0.0/16"]', "[routes]", '"hold.test" = "hold"']
        return "\n".join(lines) + "\n"

    @classmethod
    def populate(cls):
        """The world of tests/dialogs/README.md."""
        ctl = cls.daemon.ctl
        for domain in ("yahoo.test", "gmail.test", "bücher.test"):
            ctl("domain", "add", domain)
        ctl("account", "add", "jerry@yahoo.test", "--password-stdin", stdin="jerry-secret\n")
        ctl("account", "add", "tom@gmail.test", "--password-stdin", stdin="tom-secret\n")
        ctl("account", "add", "full@yahoo.test", "--password-stdin", "--quota", "100", stdin="f\n")
        ctl("account", "add", "jürgen@bücher.test", "--password-stdin", stdin="j\n")
        ctl("alias", "add", "team@yahoo.test", "jerry@yahoo.test")
        port = next(int(line["address"].rsplit(":", 1)[1]) for line in cls.daemon.log
                    if line.get("event") == "serve.listening" and line["address"].startswith("127.0.0.1:"))
        with Smtp(port, timeout=DEADLINE) as smtp:  # the mail that fills the mailbox
            smtp.ehlo()
            smtp.send_mail("tom@gmail.test", ["full@yahoo.test"], message("one too many"))

    @classmethod
    def tearDownClass(cls):
        try:
            status = cls.daemon.stop()
            assert status == 0, f"the daemon ended with {status}:\n" + "\n".join(cls.daemon.raw_log[-20:])
        finally:
            cls.daemon.remove()

    def test_there_are_dialogues(self):
        self.assertGreater(len(DIALOGS), 0)


def add_test(number, dialog):
    def test(self):
        third = "9" if dialog.header["peer"] == "relay" else "20"
        source = f"127.{third}.{number // 200}.{number % 200 + 1}" if third == "9" else \
            f"127.{20 + number // 250}.{number % 250}.1"
        Runner(dialog, self.endpoints[dialog.listener()], source).run()

    name = "test_" + "".join(c if c.isalnum() else "_" for c in dialog.name)
    assert not hasattr(Dialogs, name), f"two dialogues named {name}"
    setattr(Dialogs, name, test)


for index, each in enumerate(DIALOGS):
    add_test(index, each)
