"""What the tests of abuse share: measures of a process, and one daemon for a class of tests."""
import os
import socket
import struct
import time
from pathlib import Path

import sums
from lib.case import DaemonCase
from lib.daemon import SLOW

JERRY, TOM = "jerry@yahoo.test", "tom@gmail.test"
STRANGER = "127.7.0.1"  # in no relay network
ALLOWANCE = 4 if SLOW else 1  # sanitizers take their time
PROMPT = 0.25 * ALLOWANCE     # seconds in which a fresh client is greeted and answered
UNAVAILABLE, CANNOT_CREATE, TRY_LATER, NOT_PERMITTED, CONFIG = 69, 73, 75, 77, 78


def until(condition, what, seconds=20):
    """Polls what no event tells of; fails by name."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def reset(sock):
    """Closes with RST: as a client does that crashed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stopped(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    states = [task.read_text().rsplit(")", 1)[1].split()[0] for task in tasks]
    return set(states) == {"T"}


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def queues(port, peer_port):
    """(octets unread by the peer, octets unread by the daemon) of the daemon's end of a connection."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = [int(end.rsplit(":", 1)[1], 16) for end in fields[1:3]]
        if ends == [port, peer_port]:
            out, into = fields[4].split(":")
            return int(out, 16), int(into, 16)
    return 0, 0


class Served(DaemonCase):
    """One daemon for all tests of a class; after each it is alive and its sums agree."""
    options = {"accounts": [JERRY, TOM], "networks": ["127.9.0.0/16", "127.0.0.0/24"]}

    def setUp(self):
        self.kept_before = self.kept()
        self.addCleanup(self.daemon_is_well)

    def daemon_is_well(self):
        self.assertIsNone(self.daemon.process.poll(), "\n".join(self.daemon.raw_log[-20:]))
        self.assertEqual([], sums.differences(self.daemon))
        self.serve_promptly()

    def serve_promptly(self, role="mx"):
        begin = time.monotonic()
        with self.daemon.connect(role) as fresh:
            fresh.ehlo()
            taken = time.monotonic() - begin
            fresh.quit()
        self.assertLess(taken, PROMPT)

    def kept(self):
        return [row["subject"] for row in self.daemon.mailbox(JERRY)]

    def new(self):
        return self.kept()[len(self.kept_before):]

    def talk(self, role="mx", **options):
        client = self.daemon.connect(role, **options)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def in_data(self, role="mx", body="BODY=8BITMIME", **options):
        client = self.talk(role, **options)
        client.cmd(f"MAIL FROM:<a@elsewhere.test> {body}", 250)
        client.cmd(f"RCPT TO:<{JERRY}>", 250)
        client.cmd("DATA", 354)
        return client
