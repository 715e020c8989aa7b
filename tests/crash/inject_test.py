"""The daemon itself while system calls fail under it (strace -e inject): the group is answered 4xx, nothing
acknowledged is lost, and mail is accepted again within ten seconds of the fault's end."""
import signal
import subprocess
import time
import unittest
from pathlib import Path

from kill_test import Ledger, contents, digest_of, verify
from lib.daemon import SLOW, Daemon
from lib.smtp import Closed, Smtp, message

ACCOUNT = "u0@yahoo.test"
SOON = 10 if not SLOW else 60
# System call, error, and which of its calls in a thread fail.
FAULTS = [("fdatasync", "EIO", "1"), ("fdatasync", "EIO", "3+5"), ("fdatasync", "EIO", "1+1"),
          ("fdatasync", "ENOSPC", "1+1"), ("fsync", "EIO", "1+1"), ("openat", "EMFILE", "1+1"),
          ("rename,unlink", "EIO", "1+1")]


class InjectedErrors(unittest.TestCase):
    def send(self, ledger, daemon, token, lines):
        """The code of the reply that decided; 0: the connection was closed."""
        body = f"{token} " * 400 + "\r\n" + "some words\r\n" * lines
        try:
            with Smtp(daemon.port("mx", "none")) as smtp:
                smtp.ehlo()
                mail = smtp.cmd("MAIL FROM:<tom@elsewhere.test>")
                if mail.code != 250:
                    return mail.code
                smtp.cmd(f"RCPT TO:<{ACCOUNT}>", 250)
                ledger.begin(token, ACCOUNT, digest_of(body.encode()))
                reply = smtp.data(message(token, "tom@elsewhere.test", ACCOUNT, body), 250, 451, 452)
        except (Closed, AssertionError) as refused:
            if "421" in str(refused):
                return 421
            raise
        if reply.code == 250:
            ledger.acknowledge(token)
        return reply.code

    def run_fault(self, calls, error, when, lines=0):
        """Mail before, under and after the fault; how many were refused, and how long after it."""
        ledger, codes = Ledger(), []
        with Daemon(accounts=[ACCOUNT], domains=["yahoo.test"], listeners=[("mx", "none")]) as daemon:
            def send():
                codes.append(self.send(ledger, daemon, f"t{len(codes)}", lines))
                return codes[-1]
            self.assertEqual({250}, {send() for _ in range(5)})
            strace = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(daemon.process.pid)]
                                      + [word for call in calls.split(",") for word in
                                         ("-e", f"inject={call}:error={error}:when={when}")])
            try:
                while "TracerPid:\t0" in Path(f"/proc/{daemon.process.pid}/status").read_text():
                    time.sleep(0.01)
                for _ in range(25):
                    send()
                    time.sleep(0.02)
            finally:
                strace.send_signal(signal.SIGINT)  # lets go of it: the fault has ended
                strace.wait(20)
            begin = time.monotonic()
            while send() != 250:
                self.assertLess(time.monotonic() - begin, SOON, f"{calls} {error} {when}: {codes}")
                time.sleep(0.05)
            again = time.monotonic() - begin
            self.assertEqual({250}, {send() for _ in range(5)})
            self.assertIsNone(daemon.process.poll(), "it died")
            self.assertEqual(0, daemon.stop())
            found, _ = contents_of(daemon)
        self.assertEqual(([], []), verify(ledger, found), f"{calls} {error} {when}")
        return sum(1 for code in codes if code != 250), again

    def test_each_fault(self):
        refused = []
        for call, error, when in FAULTS:
            with self.subTest(call=call, error=error, when=when):
                count, longest = self.run_fault(call, error, when)
                refused.append(f"{call} {error} {when}: {count} refused, again after {longest:.1f} s")
        print("\n".join(refused))

    def test_a_segment_that_cannot_be_written(self):
        for error in ("EIO", "ENOSPC"):
            with self.subTest(error=error):
                count, longest = self.run_fault("pwritev", error, "1+1", lines=15_000)  # worth a segment each
                print(f"pwritev {error}: {count} refused, again after {longest:.1f} s")
                self.assertGreater(count, 0)


def contents_of(daemon):
    rows, notices = contents(daemon)
    return [(ACCOUNT, token, digest) for _, token, digest in rows], notices
