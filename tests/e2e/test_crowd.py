"""Thousands of slow clients in every phase, thousands a second that come and go, and a fresh client
that is served all the same (security.md §3, 61)."""
import json
import subprocess
import sys
import time
from pathlib import Path

import crowd
import sums
from abuse import ALLOWANCE, JERRY, cpu_seconds
from lib.case import DaemonCase
from lib.daemon import LISTENERS, SLOW
from lib.smtp import Smtp, message

SIZE, RATE = (2500, 500) if SLOW else (5000, 2000)  # a sanitizer takes several times as much
PATIENCE = 0.25 * ALLOWANCE


def p99(seconds):
    return sorted(seconds)[len(seconds) * 99 // 100]


class Crowd(DaemonCase):
    # Limits are the defaults, but that many strangers write to one mailbox here.
    options = {"accounts": [JERRY], "networks": ["127.9.0.0/16"],
               "listeners": (*LISTENERS, ("submission", "none")),
               "extra": "[limits]\nrecipient_message_rate = 1000000\n"}

    def fresh(self, number):
        """A client nobody has seen, from its connect() to the 250 of its message."""
        begin = time.monotonic()
        source = f"127.100.{number // 200}.{number % 200 + 1}"
        with Smtp(self.daemon.port("mx"), source=source) as client:
            client.ehlo()
            client.envelope(f"{number}@elsewhere.test", [JERRY])
            client.data(message("fresh"))
            taken = time.monotonic() - begin
            client.quit()
        return taken

    def test_a_fresh_client_among_thousands_of_slow_ones(self):
        with crowd.Crowd(self.daemon, SIZE) as slow:
            pid, busy, begin = self.daemon.process.pid, cpu_seconds(self.daemon.process.pid), time.monotonic()
            taken = []
            while time.monotonic() - begin < crowd.EVERY + 1:  # each has sent an octet at least
                taken.append(self.fresh(len(taken)))
                time.sleep(0.02)  # not to measure ourselves
            busy = (cpu_seconds(pid) - busy) / (time.monotonic() - begin)
            self.assertIsNone(slow.trouble)
            self.assertGreaterEqual(slow.octets, SIZE)
            # Nobody but those in a handshake, which has ten seconds, was sent away.
            away = {phase: count for phase, count in slow.closed.items() if count}
            self.assertLessEqual(set(away), set(crowd.TLS), slow.last_words)
            print(f"{SIZE} slow connections; a fresh client's 250: p99 {p99(taken) * 1000:.0f} ms of "
                  f"{len(taken)}, at most {max(taken) * 1000:.0f} ms; {busy:.2f} of a core")
            self.assertLess(p99(taken), PATIENCE)
            self.among_a_flood(len(taken))
        self.assertEqual([], sums.differences(self.daemon))

    def among_a_flood(self, number):
        """The same, while two thousand connections a second come and go."""
        flood = subprocess.Popen([sys.executable, str(Path(crowd.__file__)), "flood",
                                  str(self.daemon.port("mx")), str(RATE), "5"],
                                 stdout=subprocess.PIPE, text=True)
        taken = []
        while flood.poll() is None:
            taken.append(self.fresh(number + len(taken)))
            time.sleep(0.02)
        said = json.loads(flood.communicate()[0])
        rate = said["served"] / said["seconds"]
        print(f"{rate:.0f} connections a second, p99 of each {said['p99'] * 1000:.0f} ms; a fresh "
              f"client's 250: p99 {p99(taken) * 1000:.0f} ms of {len(taken)}")
        self.assertEqual({}, said["failed"])
        self.assertEqual(RATE * 5, said["served"])
        self.assertGreater(rate, 0.95 * RATE)
        self.assertLess(p99(taken), PATIENCE)
