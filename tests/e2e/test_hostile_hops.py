"""Hops that mean harm: replies without end, or an octet at a time, at each step. Mail waits and goes
later, the daemon stays well, and a reply of a hundred lines is a reply (security.md 27)."""
import contextlib
import time
import unittest

from abuse import queues, resident
from lib.daemon import SLOW, certificate
from lib.hop import CLOSE, Hop
from sending import QUICK, adds_up, becomes, sender, submit, until

STEPS = {"CONNECT": 220, "EHLO": 250, "MAIL": 250, "RCPT": 250, "DATA": 354, "DOT": 250}


def lines(code, count):
    return "\n".join([f"{code}-and so on"] * (count - 1) + [f"{code} at last"])


def instead(handler, reply):
    """What the hop does at a step, but for its reply."""
    def rule(line, session):
        session.say = lambda _: True
        getattr(session, handler)(line)
        del session.say
        return reply
    return rule


def before_content(reply):
    def rule(_, session):
        session.say(reply)
        session.mail.content = session.content()
        session.end()
        return ""
    return rule


class Hostile(unittest.TestCase):
    """A hop for each case and a message to each, all at the same time."""

    def play(self, rules, look, hop=lambda: Hop(), **options):
        hops = {name: self.enterContext(hop()) for name in rules}
        for name, hop in hops.items():
            hop.on = dict(rules[name])
        routes = {f"d{n}.test": f"smtp://127.0.0.1:{hop.port}" for n, hop in enumerate(hops.values())}
        with sender(routes, QUICK, **options) as daemon:
            self.daemon, memory = daemon, resident(daemon.process.pid)
            sent = {name: submit(daemon, f"bob@d{n}.test") for n, name in enumerate(rules)}
            for name, number in sent.items():
                with self.subTest(name):
                    becomes(daemon, number, bob="delivered")
                    trace = daemon.json("message", "trace", number)
                    look(name, hops[name], [event for event in trace if event["kind"] == "deferred"])
            adds_up(daemon)
            self.grown = resident(daemon.process.pid) - memory

    @staticmethod
    def once(reply):
        left = [reply]
        return lambda *_: left.pop() if left else None

    def test_a_reply_without_end_at_each_step(self):
        ends = {"101 lines": lambda code: lines(code, 101),
                "many lines": lambda code: f"{code}-{'x' * 70}\n" * 100_000,
                "one line": lambda _: "2" * 5_000_000}

        def look(name, hop, deferred):
            self.assertEqual(1, len(deferred), deferred)
            # What answers the final dot so has the mail, for all that we can know, and gets it again.
            self.assertEqual(2 if name.startswith("DOT") else 1, len(hop.mails))
        self.play({f"{verb}, {what}": {verb: self.once(reply(code))}
                   for verb, code in STEPS.items() for what, reply in ends.items()}, look)
        if not SLOW:
            self.assertLess(self.grown, 32 << 20)

    def test_a_hundred_lines_are_a_reply(self):
        def look(_, hop, deferred):
            self.assertEqual([], deferred)
            self.assertEqual(1, len(hop.mails))
        hundred = {verb: lines(code, 100) for verb, code in STEPS.items()}
        self.play({"CONNECT": {"CONNECT": lambda *_: hundred["CONNECT"]},
                   "EHLO": {"EHLO": lambda *_: hundred["EHLO"]},  # a hundred extensions nobody knows
                   "MAIL": {"MAIL": instead("on_mail", hundred["MAIL"])},
                   "RCPT": {"RCPT": instead("on_rcpt", hundred["RCPT"])},
                   "DATA": {"DATA": before_content(hundred["DATA"])},
                   "DOT": {"DOT": lambda *_: hundred["DOT"]}}, look)

    def test_one_that_closes_where_a_session_is_more_than_its_mail(self):
        """Test_sending has the steps of every session; here TLS, a login and chunks come in between."""
        def hangs_up(when=lambda session: True):
            left = [CLOSE]
            return lambda _, session: left.pop() if left and when(session) else None

        def amid_the_chunk(line, session):
            session.take(int(line.split()[1]) // 2)
            return CLOSE

        def first(rule):
            left = [rule]
            return lambda *said: left.pop()(*said) if left else None

        def look(name, hop, deferred):
            self.assertEqual(1, len(hop.mails))
            self.assertLessEqual(len(deferred), 1)
            if name != "QUIT":
                self.assertGreater(hop.connections, 1)
        words = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING")
        self.play({"STARTTLS": {"STARTTLS": hangs_up()},
                   "EHLO under TLS": {"EHLO": hangs_up(lambda session: session.tls)},
                   "MAIL under TLS": {"MAIL": hangs_up()},
                   "BDAT": {"BDAT": hangs_up()},
                   "amid the chunk": {"BDAT": first(amid_the_chunk)},
                   "QUIT": {"QUIT": hangs_up()}}, look,
                  lambda: Hop(tls="starttls", certificate=certificate(), extensions=words))

    def dribble(self, code):
        """An octet, and a hundred seconds later the next one, until nobody listens any more."""
        first = [True]

        def rule(_, session):
            if not first.pop() if first else True:
                return None
            ends = session.socket.getpeername()[1], session.hop.port
            for octet in f"{code} slowly":
                session.socket.sendall(octet.encode())
                until(lambda: queues(*ends)[1] == 0, "the octet is read")
                self.daemon.advance(100)
            with contextlib.suppress(OSError):
                for _ in range(400):
                    session.socket.sendall(b"x")
                    time.sleep(0.05)  # the daemon looks at its clock every second of ours
                return ""  # it went on reading: the reply is whole now
            raise EOFError
        return rule

    def test_a_reply_an_octet_at_a_time(self):
        def look(_, hop, deferred):
            self.assertEqual(1, len(deferred), deferred)
            self.assertIn("4.4.2", str(deferred))
        self.play({verb: {verb: self.dribble(code)} for verb, code in STEPS.items()}, look,
                  test_clock=True)
