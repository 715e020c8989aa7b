"""kill -9 while mail leaves: nothing is lost, at most the mail in flight is doubled; a notice is never lost
and never told twice (security.md 13)."""
import collections
import re
import threading
import unittest

from lib.daemon import DEADLINE
from lib.hop import CLOSE, Hop
from lib.smtp import message
from sending import QUICK, TOM, adds_up, becomes, notice_to, sender, submit, until, waits

BOB = "bob@away.test"


class Killed(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(Hop())
        self.told = threading.Event()
        self.kill = threading.Event()  # the next final dot is the daemon's last sight

    def start(self, before_reply):
        """Kills when a final dot came: before its reply is said, or right behind it."""
        daemon = self.daemon = sender({"away.test": f"smtp://127.0.0.1:{self.hop.port}"}, QUICK)

        def dot(_, session):
            if not self.kill.is_set():
                return None
            self.kill.clear()
            self.told.wait(DEADLINE)  # mail flows at once: its client may not have its 250 yet
            self.hop.add(session.ended)
            if not before_reply:
                session.say("250 2.0.0 taken")
            daemon.signal(9)
            return CLOSE
        self.hop.on["DOT"] = dot
        return daemon

    def subjects(self):
        return collections.Counter(
            re.search(rb"Subject: ([^\r]*)", mail.content)[1].decode() for mail in self.hop.mails)

    def run_rounds(self, before_reply, rounds=5, settled=2):
        """In each round some mail arrives and is settled; then one more, and the kill."""
        with self.start(before_reply) as daemon:
            for turn in range(rounds):
                for number in range(settled):
                    self.send(f"settled {turn}.{number}")
                self.told.clear()
                self.kill.set()
                in_flight = submit(daemon, BOB, content=message(subject=f"flying {turn}", to=BOB))
                self.told.set()
                until(lambda: daemon.process.poll() is not None, "the kill")
                daemon.kill()
                begin = len(daemon.log)
                daemon.start()
                becomes(daemon, in_flight, bob="delivered")
                came = self.subjects()
                for number in range(settled):
                    self.assertEqual(came[f"settled {turn}.{number}"], 1, came)
                self.assertIn(came[f"flying {turn}"], (1, 2), came)
                # Named before it went again, unless it was settled before the kill.
                named = [line["id"] for line in daemon.log[begin:]
                         if line.get("event") == "queue.possible_duplicate"]
                self.assertIn(named, ([], [in_flight]))
                if before_reply or came[f"flying {turn}"] == 2:
                    self.assertEqual(named, [in_flight])
                self.assertEqual(waits(daemon), [])
            adds_up(daemon)

    def send(self, subject):
        becomes(self.daemon, submit(self.daemon, BOB, content=message(subject=subject, to=BOB)),
                bob="delivered")

    def test_between_the_remote_250_and_our_settlement(self):
        self.run_rounds(before_reply=False)

    def test_before_the_remote_says_anything(self):
        self.run_rounds(before_reply=True)

    def test_a_notice_is_never_lost(self):
        with self.start(False) as daemon:
            for turn in range(1, 5):
                killed = threading.Event()

                def rcpt(*_):
                    if not killed.is_set():
                        killed.set()
                        self.told.wait(DEADLINE)
                        # Behind the reply: the refusal is settled, or it is not, when it dies.
                        threading.Timer(0.004 * turn, daemon.signal, (9,)).start()
                    return "550 5.1.1 nobody"
                self.hop.on["RCPT"] = rcpt
                self.told.clear()
                number = submit(daemon, BOB)
                self.told.set()
                until(lambda: daemon.process.poll() is not None, "the kill")
                daemon.kill()
                daemon.start()
                becomes(daemon, number, bob="bounced")
                self.assertIn(b"nobody", notice_to(daemon, TOM, turn))
                self.assertEqual(len(daemon.mailbox(TOM)), turn, "told twice")
            adds_up(daemon)


if __name__ == "__main__":
    unittest.main()
