"""Thousands of clients that send an octet now and then, and thousands that come and go; both in one
thread with epoll, so that what they cost is the server's.

    with Crowd(daemon, 5000) as crowd: ...         python3 crowd.py flood PORT RATE SECONDS
"""
import contextlib
import errno
import json
import resource
import select
import socket
import ssl
import sys
import threading
import time

EVERY = 10  # seconds between two octets of a connection


def raise_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))


def client_hello():
    context = ssl.create_default_context()
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(into, out, server_hostname="mx.yahoo.test").do_handshake()
    return out.read()


# Where a client dawdles: the listener, what it says before, each line behind the reply to the last,
# and what it goes on with an octet at a time.
HELLO = client_hello()
ENVELOPE = [b"EHLO slow.test", b"MAIL FROM:<%d@elsewhere.test>", b"RCPT TO:<jerry@yahoo.test>"]
PHASES = {
    "banner": ("mx", "starttls", None, b"E" * 100),  # reads nothing, not even the greeting
    "command": ("mx", "starttls", [b"EHLO slow.test"], b"MAIL FROM:<" + b"a" * 100),
    "STARTTLS": ("mx", "starttls", [b"EHLO slow.test", b"STARTTLS"], HELLO),
    "handshake": ("submission", "implicit", [], HELLO),
    "AUTH": ("submission", "none", [b"EHLO slow.test", b"AUTH PLAIN"], b"A" * 100),
    "DATA": ("mx", "starttls", [*ENVELOPE, b"DATA"], b"Subject: slow" + b"w" * 100),
    "BDAT": ("mx", "starttls", [*ENVELOPE, b"BDAT 100000 LAST"], b"Subject: slow" + b"w" * 100),
}
TLS = ("STARTTLS", "handshake")  # a handshake has ten seconds; they come again


class Slow:
    def __init__(self, crowd, number):
        self.number, self.phase = number, list(PHASES)[number % len(PHASES)]
        self.role, self.tls, self.lines, self.octets = PHASES[self.phase]
        self.crowd, self.visits = crowd, 0
        self.come()

    def come(self):
        # Forty at most from an address, and two hundred from a /24: the limits are the defaults. Who
        # comes again comes from elsewhere.
        host = self.number // 40
        source = f"127.{20 + self.visits}.{host // 5}.{host % 5 + 1}"
        self.visits += 1
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", self.crowd.daemon.port(self.role, self.tls)))
        self.socket.setblocking(False)
        self.said, self.sent, self.buffer = 0, 0, b""
        # Who speaks first has nothing to wait for.
        self.there = self.lines is None or not self.lines
        self.crowd.register(self)
        if self.there:
            self.crowd.arrived(self)

    def hear(self):
        """Something came, or the end; says the next line behind a whole reply."""
        if self.lines is None:
            events = select.POLLHUP | select.POLLRDHUP | select.POLLERR
            poll = select.poll()
            poll.register(self.socket, events)
            if not poll.poll(0):
                return
            return self.leave(b"")
        try:
            data = self.socket.recv(4096)
        except OSError as lost:
            return self.leave(str(lost).encode())
        self.buffer += data
        if not data:
            return self.leave(self.buffer)
        if self.there or not self.whole():
            return
        if self.said == len(self.lines):
            self.there = True
            return self.crowd.arrived(self)
        line = self.lines[self.said]
        self.said += 1
        self.buffer = b""
        self.socket.send((line % self.number if b"%d" in line else line) + b"\r\n")
        if line.startswith(b"BDAT"):  # answered when its octets have come
            self.there = True
            self.crowd.arrived(self)

    def whole(self):
        lines = self.buffer.split(b"\r\n")
        if len(lines) < 2 or lines[-1]:
            return False
        if not (lines[-2][3:4] == b" " and lines[-2][:1] in b"23"):
            raise AssertionError(f"{self.phase}: {lines[-2]!r} to {self.lines[:self.said]}")
        return True

    def drip(self):
        if not self.there:
            return
        with contextlib.suppress(OSError):
            if self.lines is None:  # who talks before it is greeted is sent away: it is there, unread
                self.socket.recv(1, socket.MSG_PEEK)
            self.socket.send(self.octets[self.sent:self.sent + 1])
            self.sent += 1

    def leave(self, last_words):
        self.crowd.left(self, last_words)
        self.socket.close()
        self.come()


class Crowd:
    """So many connections, the same number in every phase, each of which sends an octet every ten
    seconds; one that the server closes comes again."""

    def __init__(self, daemon, size):
        raise_descriptors()
        self.daemon, self.size = daemon, size
        self.poll, self.by_fd = select.epoll(), {}
        self.arrivals, self.closed, self.last_words = 0, dict.fromkeys(PHASES, 0), {}
        self.octets, self.trouble, self.stop = 0, None, threading.Event()

    def register(self, slow):
        self.by_fd[slow.socket.fileno()] = slow
        # A banner that is not read stays readable: only its end is news.
        events = select.EPOLLRDHUP if slow.lines is None else select.EPOLLIN | select.EPOLLRDHUP
        self.poll.register(slow.socket, events)

    def arrived(self, _):
        self.arrivals += 1

    def left(self, slow, last_words):
        self.poll.unregister(slow.socket)
        del self.by_fd[slow.socket.fileno()]
        self.arrivals -= slow.there
        self.closed[slow.phase] += 1
        self.last_words[slow.phase] = last_words

    def hear(self, wait):
        for fd, _ in self.poll.poll(wait):
            if fd in self.by_fd:
                self.by_fd[fd].hear()

    def __enter__(self):
        slow = []
        deadline = time.monotonic() + 60
        while len(slow) < self.size or self.arrivals < self.size:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.arrivals} of {self.size} are there")
            if len(slow) < self.size and len(slow) - self.arrivals < 200:
                slow.append(Slow(self, len(slow)))
            self.hear(0 if len(slow) < self.size else 0.01)
        self.thread = threading.Thread(target=self.dawdle, args=(slow,), daemon=True)
        self.thread.start()
        return self

    def dawdle(self, slow):
        begin, due = time.monotonic(), 0
        try:
            while not self.stop.is_set():
                self.hear(0.01)
                now = (time.monotonic() - begin) * len(slow) / EVERY
                while due < now:
                    slow[due % len(slow)].drip()
                    due += 1
                    self.octets += 1
        except BaseException as wrong:  # told when it is asked for
            self.trouble = wrong

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        for slow in list(self.by_fd.values()):
            slow.socket.close()


def flood(port, rate, seconds):
    """Connections at a rate, each of which waits for its greeting, says QUIT and waits for the answer;
    what came of them and how long each took."""
    raise_descriptors()
    poll, begun, took, failed = select.epoll(), {}, [], {}
    begin, count = time.monotonic(), 0
    total = int(rate * seconds)
    while count < total or begun:
        due = min(total, int((time.monotonic() - begin) * rate) + 1)
        while count < due and len(begun) < 4000:
            client = socket.socket()
            client.setsockopt(socket.SOL_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            # Another network every 200, so that none of the default limits is met.
            network, host = divmod(count, 200)
            client.bind((f"127.{200 + network // 250}.{network % 250}.{host + 1}", 0))
            client.setblocking(False)
            if client.connect_ex(("127.0.0.1", port)) not in (0, errno.EINPROGRESS):
                raise AssertionError("connect failed")
            poll.register(client, select.EPOLLIN)
            begun[client.fileno()] = (client, time.monotonic(), bytearray())
            count += 1
        for fd, _ in poll.poll(0 if count < due else 0.001):
            client, at, heard = begun[fd]
            try:
                data = client.recv(1000)
            except OSError as lost:
                data = str(lost).encode() and b""
            heard += data
            if heard.count(b"\r\n") == 1 and heard.startswith(b"220 ") and data:
                client.send(b"QUIT\r\n")
                continue
            if heard.count(b"\r\n") < 2 and data:
                continue
            if not (heard.startswith(b"220 ") and b"\r\n221 " in heard):
                failed[heard[:40].decode()] = failed.get(heard[:40].decode(), 0) + 1
            took.append(time.monotonic() - at)
            poll.unregister(client)
            client.close()
            del begun[fd]
        if time.monotonic() - begin > 10 * seconds + 20:
            break
    spent = time.monotonic() - begin
    took.sort()
    return {"connections": count, "served": len(took) - sum(failed.values()), "failed": failed,
            "seconds": spent, "p99": took[len(took) * 99 // 100] if took else None}


if __name__ == "__main__":
    print(json.dumps(flood(int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))))
