"""What is answered 250 has been synced: the daemon runs under strace, and its system calls are read.

With one session each message is a group of its own, so between the final dot and its reply a sync of
a file of the store must have begun and ended. That is asked of every single message.
"""
import re
import shutil
import tempfile
import time
import unittest
from pathlib import Path

from lib.daemon import Daemon
from lib.smtp import message, stuffed

MESSAGES = 200
CALL = re.compile(r"^(\d+) +(\d+\.\d+) (fsync|fdatasync|sync_file_range)\((.*)$")
RESUMED = re.compile(r"^(\d+) +(\d+\.\d+) <\.\.\. (fsync|fdatasync) resumed>.* = (-?\d+).*<([\d.]+)>")
DONE = re.compile(r" = (-?\d+).*<([\d.]+)>$")


def read_syncs(trace):
    """(begin, end, file) of every fsync and fdatasync that succeeded."""
    begun, syncs = {}, []
    for line in trace.splitlines():
        resumed = RESUMED.match(line)
        if resumed:
            thread, _, _, result, _ = resumed.groups()
            begin, file = begun.pop(thread)
            if result == "0":
                syncs.append((begin, float(resumed.group(2)), file))
            continue
        call = CALL.match(line)
        if not call or call.group(3) == "sync_file_range":
            continue
        thread, begin, rest = call.group(1), float(call.group(2)), call.group(4)
        file = rest[rest.find("<") + 1:rest.find(">")]
        if "<unfinished" in rest:
            begun[thread] = (begin, file)
        else:
            done = DONE.search(rest)
            if done and done.group(1) == "0":
                syncs.append((begin, begin + float(done.group(2)), file))
    return syncs


def unsynced(spans, syncs):
    """Of (dot, reply) spans, those in which no sync of the store both began and ended."""
    return [index for index, (dot, reply) in enumerate(spans)
            if not any(dot <= begin and end <= reply for begin, end, _ in syncs)]


class SyncTest(unittest.TestCase):
    def test_each_250_is_preceded_by_a_sync_of_its_own(self):
        folder = Path(tempfile.mkdtemp(prefix="mailwright-sync-"))
        self.addCleanup(shutil.rmtree, folder, True)
        trace = folder / "trace"
        strace = ["strace", "-f", "-y", "-ttt", "-T", "-o", str(trace), "-e",
                  "trace=fsync,fdatasync,sync_file_range", "-e", "signal=none"]
        spans = []
        with Daemon(accounts=["jerry@yahoo.test"], listeners=[("mx", "none")],
                    wrapper=strace) as daemon:
            smtp = daemon.connect("mx", "none")
            smtp.ehlo()
            for number in range(MESSAGES):
                smtp.envelope("tom@elsewhere.test", ["jerry@yahoo.test"])
                smtp.cmd("DATA", 354)
                smtp.send(stuffed(message(f"sync {number}")))
                dot = time.time()
                smtp.send(b".\r\n")
                smtp.reply(250)
                spans.append((dot, time.time()))
            smtp.quit()
            self.assertEqual(MESSAGES, len(daemon.mailbox("jerry@yahoo.test")))
        syncs = [sync for sync in read_syncs(trace.read_text()) if "/state/" in sync[2]]
        inside = [s for s in syncs if spans[0][0] <= s[0] and s[1] <= spans[-1][1]]
        print(f"{MESSAGES} messages by one session: {len(inside)} syncs of the store meanwhile, "
              f"median wait {sorted(r - d for d, r in spans)[MESSAGES // 2] * 1000:.1f} ms under strace")
        self.assertGreaterEqual(len(inside), MESSAGES)
        self.assertEqual([], unsynced(spans, inside), "answered 250 without a sync before it")


class TheHarnessNoticesMistakes(unittest.TestCase):
    TRACE = """\
101 1000.100000 fdatasync(9</t/state/mail/000004.log>) = 0 <0.000500>
102 1000.200000 fdatasync(9</t/state/mail/000004.log> <unfinished ...>
101 1000.200100 fsync(7</t/state/mail>) = -1 EIO (Input/output error) <0.000100>
102 1000.200400 <... fdatasync resumed>) = 0 <0.000400>
"""

    def test_the_trace_is_read(self):
        syncs = read_syncs(self.TRACE)
        self.assertEqual([(1000.1, "/t/state/mail/000004.log"), (1000.2, "/t/state/mail/000004.log")],
                         [(begin, file) for begin, _, file in syncs])

    def test_a_reply_before_the_end_of_the_sync(self):
        syncs = read_syncs(self.TRACE)
        self.assertEqual([], unsynced([(1000.0999, 1000.1006), (1000.1999, 1000.2005)], syncs))
        self.assertEqual([1], unsynced([(1000.0999, 1000.1006), (1000.1999, 1000.2003)], syncs))
        self.assertEqual([0], unsynced([(1000.3, 1000.4)], syncs))
