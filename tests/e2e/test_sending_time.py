"""Days of waiting, on a clock that is put forward: delay notices, expiry and its last attempt, and a wall
clock that jumps (RFC 5321 §4.5.4.1, RFC 3461 §5, security.md 14 and 21)."""
import unittest

from lib.hop import Hop
from sending import TOM, adds_up, becomes, events, notice_to, sender, states, submit, tried, until, waits

BOB, CARL = "bob@away.test", "carl@world.test"
MINUTE, HOUR, DAY = 60, 3600, 86400


class Waiting(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(Hop())

    def start(self, **more):
        routes = {"away.test": f"smtp://127.0.0.1:{self.hop.port}", **more}
        return self.enterContext(sender(routes, test_clock=True))

    def refuse_all(self):
        """It answers, and so can be counted, and takes no mail."""
        self.hop.on["CONNECT"] = lambda *_: "421 4.3.2 closed for the holidays"

    def take_all(self):
        self.hop.on.clear()

    def attempts(self, daemon, number):
        return len(events(daemon, number, "deferred"))

    def tried_again(self, daemon, number, seconds):
        """Puts the clock forward until one more attempt of it was made and settled."""
        before = self.attempts(daemon, number)
        daemon.advance(seconds)
        until(lambda: self.attempts(daemon, number) > before,
              lambda: daemon.ctl("message", "trace", number))


class Delayed(Waiting):
    def test_a_local_sender_is_told_once_after_four_hours(self):
        self.refuse_all()
        daemon = self.start()
        number = submit(daemon, BOB)
        tried(daemon)
        self.tried_again(daemon, number, 3 * HOUR)
        self.assertEqual(daemon.mailbox(TOM), [])
        self.tried_again(daemon, number, 4 * HOUR)
        notice = notice_to(daemon, TOM).decode()
        self.assertIn("Action: delayed", notice)
        self.assertIn("Will-Retry-Until: ", notice)
        self.assertIn("closed for the holidays", notice)
        self.tried_again(daemon, number, 6 * HOUR)
        self.take_all()
        daemon.advance(6 * HOUR)
        becomes(daemon, number, bob="delivered")
        adds_up(daemon)
        self.assertEqual(len(daemon.mailbox(TOM)), 1, "told twice")

    def test_a_sender_elsewhere_is_told_where_it_asked_for_it(self):
        self.refuse_all()
        world = self.enterContext(Hop())
        daemon = self.start(**{"world.test": f"smtp://127.0.0.1:{world.port}"})
        silent = submit(daemon, BOB, sender_path=CARL)
        asked = submit(daemon, "ann@away.test", sender_path=CARL, rcpt=" NOTIFY=DELAY,FAILURE",
                       parameters=" ENVID=told")
        tried(daemon, 2)
        for _ in range(2):
            daemon.advance(5 * HOUR)
            until(lambda: all(self.attempts(daemon, one) > 1 for one in (silent, asked))
                  or daemon.advance(HOUR), lambda: waits(daemon))
        mail, = world.wait_for(1)
        self.assertEqual((mail.sender, mail.recipients), ("", [CARL]))
        self.assertIn(b"Action: delayed", mail.content)
        self.assertIn(b"Original-Envelope-Id: told", mail.content)
        # A failure, of that it hears. After such leaps of the clock it may be under way once more.
        until(lambda: daemon.run("queue", "bounce", silent).returncode == 0, lambda: waits(daemon))
        becomes(daemon, silent, bob="bounced")
        self.assertIn(b"Action: failed", world.wait_for(2)[1].content)
        self.assertEqual(len(world.mails), 2)


class Expired(Waiting):
    def test_it_comes_back_after_five_days_with_the_last_words_of_the_hop(self):
        self.refuse_all()
        daemon = self.start()
        number = submit(daemon, BOB)
        tried(daemon)
        self.tried_again(daemon, number, 5 * DAY - 6 * HOUR)
        self.assertEqual(states(daemon, number), {BOB: "deferred"})
        # A delay that is not told yet when it expires would be told by the one that says so.
        self.assertIn("Action: delayed", notice_to(daemon, TOM).decode())
        before = self.hop.connections
        daemon.advance(7 * HOUR)
        becomes(daemon, number, bob="expired")
        self.assertGreater(self.hop.connections, before, "no last attempt was made")
        notice = notice_to(daemon, TOM, 2).decode()
        self.assertIn("Action: failed", notice)
        self.assertIn("closed for the holidays", notice)
        self.assertEqual(waits(daemon), [])
        adds_up(daemon)

    def test_old_as_it_is_it_has_one_more_attempt(self):
        self.refuse_all()
        daemon = self.start()
        number = submit(daemon, BOB)
        tried(daemon)
        self.take_all()
        daemon.advance(30 * DAY)
        becomes(daemon, number, bob="delivered")
        self.assertEqual(events(daemon, number, "expired"), [])
        adds_up(daemon)

    def test_so_it_has_when_the_server_was_away_all_that_time(self):
        self.refuse_all()
        daemon = self.start()
        lost, kept = submit(daemon, BOB), submit(daemon, "ann@other.test")
        self.assertEqual(states(daemon, kept), {"ann@other.test": "held"})
        tried(daemon, 2)
        before = self.hop.connections
        daemon.stop()
        daemon.advance(30 * DAY)
        daemon.start()
        becomes(daemon, lost, bob="expired")
        self.assertGreater(self.hop.connections, before, "no last attempt was made")
        self.assertEqual(states(daemon, kept), {"ann@other.test": "held"}, "what is held never expires")
        adds_up(daemon)


class ClockThatJumps(Waiting):
    def test_forward_nothing_expires_for_half_an_hour(self):
        self.refuse_all()
        daemon = self.start()
        number = submit(daemon, BOB)
        tried(daemon)
        before = self.attempts(daemon, number)
        daemon.jump_wall(30 * DAY)
        # Due at once by the new time: tried, and put off again, for the clock is in doubt.
        until(lambda: self.attempts(daemon, number) > before or daemon.advance(MINUTE),
              lambda: daemon.ctl("message", "trace", number))
        self.assertEqual(states(daemon, number), {BOB: "deferred"})
        daemon.advance(31 * MINUTE)
        until(lambda: states(daemon, number) == {BOB: "expired"} or daemon.advance(5 * MINUTE),
              lambda: daemon.ctl("message", "trace", number))
        adds_up(daemon)

    def test_back_nothing_waits_for_the_old_time_to_come_again(self):
        self.refuse_all()
        daemon = self.start()
        number = submit(daemon, BOB)
        tried(daemon)
        self.take_all()
        daemon.jump_wall(-30 * DAY)
        until(lambda: states(daemon, number) == {BOB: "delivered"} or daemon.advance(MINUTE),
              lambda: waits(daemon))
        self.assertEqual(len(self.hop.mails), 1)
        adds_up(daemon)


if __name__ == "__main__":
    unittest.main()
