"""mode = "end-to-end": what the next hop says is what the client hears, and nothing is queued here
(security.md 22). That a hop is waited for 300 s behind the final dot is shown on an injected clock, in
src/service/smtpd/end_to_end_test.cc.
"""
import tempfile
import unittest

import sums
from lib.daemon import SLOW, certificate, password_of
from lib.hop import CLOSE, Hop
from lib.smtp import message
from sending import JERRY, TOM, adds_up, events, sender, until, waits

BOB, ANN, EVE = "bob@away.test", "ann@away.test", "eve@other.test"


def through(*hops, extra="", listeners=(("relay", "none"),), **routes):
    """A daemon whose mail for away.test goes to the first hop, for other.test to the second."""
    names = ("away.test", "other.test")
    table = {name: f"smtp://127.0.0.1:{hop.port}" for name, hop in zip(names, hops)}
    return sender({**table, **routes}, extra, listener_extra='mode = "end-to-end"', listeners=listeners)


def one(daemon):
    """The only message there is an event of."""
    identifier, = {event["message"] for event in daemon.events()}
    return identifier


class Through(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(Hop())

    def start(self, *more, **options):
        daemon = self.enterContext(through(self.hop, *more, **options))
        smtp = self.enterContext(daemon.connect("relay", "none"))
        smtp.ehlo()
        return daemon, smtp

    def nothing_is_kept(self, daemon):
        self.assertEqual(daemon.events(), [])
        self.assertEqual(waits(daemon), [])
        self.assertEqual(sums.differences(daemon), [])


class Taken(Through):
    def test_the_reply_is_the_hops_and_the_message_is_counted_as_delivered(self):
        def rcpt(_, session):
            session.mail.recipients.append(BOB)
            return "250 2.1.5 Bob is known"
        self.hop.on["RCPT"] = rcpt
        self.hop.on["DOT"] = lambda *_: "250-2.6.0 I have it\n250 2.6.0 as number 42"
        daemon, smtp = self.start()
        self.assertEqual(self.hop.connections, 0)
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        self.assertEqual(self.hop.connections, 0)  # at the first RCPT, not before
        self.assertEqual(str(smtp.cmd(f"RCPT TO:<{BOB}>")), "250 2.1.5 Bob is known")
        self.assertEqual(self.hop.connections, 1)
        reply = smtp.data(message(to=BOB))
        self.assertEqual(str(reply), "250-2.6.0 I have it\n250 2.6.0 as number 42")
        identifier = one(daemon)
        fact, = events(daemon, identifier, "delivered")
        self.assertEqual(fact["recipient"], BOB)
        self.assertEqual(fact["facts"]["address"], f"127.0.0.1:{self.hop.port}")
        self.assertIn("as number 42", fact["facts"]["reply"])
        self.assertEqual(len(events(daemon, identifier, "received")), 1)
        self.assertEqual(waits(daemon), [])
        adds_up(daemon)

    def test_it_arrives_byte_for_byte_behind_our_received_field(self):
        _, smtp = self.start()
        content = message(to=BOB, body=".dot\r\n..two\r\n\r\nlong " + "x" * 900 + "\r\nend\r\n")
        smtp.envelope(TOM, [BOB, ANN])
        smtp.data(content)
        mail, = self.hop.wait_for(1)
        self.assertEqual((mail.sender, mail.recipients, mail.helo), (TOM, [BOB, ANN], "mx.yahoo.test"))
        self.assertTrue(mail.content.startswith(b"Received: from client.test"))
        self.assertTrue(mail.content.endswith(content.encode()), mail.content)

    def test_a_connection_serves_the_next_message_that_goes_there(self):
        daemon, smtp = self.start()
        for _ in range(3):
            smtp.send_mail(TOM, [BOB], message(to=BOB))
        self.assertEqual({mail.connection for mail in self.hop.wait_for(3)}, {1})
        smtp.quit()
        until(lambda: "QUIT" in self.hop.lines, lambda: self.hop.lines)
        adds_up(daemon)

    def test_a_connection_that_the_hop_has_closed_meanwhile_is_made_anew(self):
        daemon, smtp = self.start()
        smtp.send_mail(TOM, [BOB], message(to=BOB))
        for session in list(self.hop.sessions):
            session.cut()
        until(lambda: not self.hop.sessions, "the hop keeps its session")
        smtp.send_mail(TOM, [BOB], message(to=BOB))
        self.assertEqual([mail.connection for mail in self.hop.wait_for(2)], [1, 2])
        adds_up(daemon)

    def test_tls_and_login_of_the_route_hold(self):
        self.hop.close()
        with Hop(tls="starttls", certificate=certificate(), login=("me", "secret")) as hop:
            password = self.enterContext(Password("secret"))
            daemon = self.enterContext(sender(
                {"away.test": {"to": f"smtp://127.0.0.1:{hop.port}", "tls": "require", "login": "me",
                               "password_file": password}},
                listener_extra='mode = "end-to-end"', listeners=(("relay", "none"),)))
            with daemon.connect("relay", "none") as smtp:
                smtp.ehlo()
                smtp.send_mail(TOM, [BOB], message(to=BOB))
            mail, = hop.wait_for(1)
            self.assertTrue(mail.tls.startswith("TLSv1"), mail)
            self.assertEqual(mail.login, "me")
            adds_up(daemon)

    def test_a_group_of_commands_is_answered_in_order(self):
        self.hop.on["RCPT"] = lambda line, _: "550 5.1.1 no ann" if ANN in line else None
        _, smtp = self.start()
        smtp.send(f"MAIL FROM:<{TOM}>\r\nRCPT TO:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nRCPT TO:<{JERRY}>\r\nDATA\r\n")
        self.assertEqual([str(smtp.reply()).split(" ")[:2] for _ in range(5)],
                         [["250", "2.1.0"], ["550", "5.1.1"], ["250", "2.1.5"], ["452", "4.5.3"],
                          ["354", "Send"]])
        smtp.send(message(to=BOB).encode() + b".\r\n")
        smtp.reply(250)
        self.assertEqual(self.hop.wait_for(1)[0].recipients, [BOB])

    def test_a_message_of_20_mib_is_passed_on_in_bounded_memory(self):
        daemon, smtp = self.start()
        smtp.send_mail(TOM, [BOB], message(to=BOB))  # all that is made once has been made
        before = resident(daemon)
        content = message(to=BOB).encode() + (b"0123456789" * 7 + b"\r\n") * 291_271
        self.assertGreater(len(content), 20 << 20)
        smtp.cmd(f"MAIL FROM:<{TOM}> SIZE={len(content)}", 250)
        smtp.cmd(f"RCPT TO:<{BOB}>", 250)
        smtp.data(content)
        mail = self.hop.wait_for(2)[1]
        self.assertTrue(mail.content.endswith(content))
        self.assertIn(f"SIZE={len(content)}", mail.sender_line)
        # Once in the store's write buffer, never a second time.
        if not SLOW:  # a sanitizer's allocator keeps what is freed
            self.assertLess(resident(daemon) - before, len(content) + (16 << 20))
        adds_up(daemon)


class Refused(Through):
    def test_each_recipient_hears_the_hops_own_answer(self):
        self.hop.on["RCPT"] = lambda line, _: ("550-5.1.1 <ann@away.test>:\n550 5.1.1 nobody here by that name"
                                               if ANN in line else None)
        daemon, smtp = self.start()
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        self.assertEqual(str(smtp.cmd(f"RCPT TO:<{ANN}>")),
                         "550-5.1.1 <ann@away.test>:\n550 5.1.1 nobody here by that name")
        self.assertEqual(smtp.cmd("DATA").code, 503)
        smtp.cmd(f"RCPT TO:<{BOB}>", 250)
        smtp.data(message(to=BOB))
        self.assertEqual(self.hop.wait_for(1)[0].recipients, [BOB])
        self.assertEqual([event["recipient"] for event in events(daemon, one(daemon), "delivered")], [BOB])
        adds_up(daemon)

    def test_a_refusal_of_mail_is_the_answer_to_rcpt(self):
        self.hop.on["MAIL"] = lambda *_: "550 5.7.1 not from you"
        daemon, smtp = self.start()
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        self.assertEqual(str(smtp.cmd(f"RCPT TO:<{BOB}>")), "550 5.7.1 not from you")
        self.nothing_is_kept(daemon)

    def test_a_refusal_behind_the_dot_is_the_clients_and_nobody_is_told(self):
        self.hop.on["DOT"] = lambda *_: "554 5.7.1 we do not want this"
        daemon, smtp = self.start()
        smtp.envelope(TOM, [BOB])
        self.assertEqual(str(smtp.data(message(to=BOB), 554)), "554 5.7.1 we do not want this")
        self.hop.on["DOT"] = lambda *_: "450 4.2.0 later"
        smtp.envelope(TOM, [BOB])
        self.assertEqual(str(smtp.data(message(to=BOB), 450)), "450 4.2.0 later")
        self.nothing_is_kept(daemon)
        self.assertEqual(daemon.mailbox(TOM), [])

    def test_a_hop_that_closes_tells_the_client_to_come_again(self):
        self.hop.on["DATA"] = lambda *_: "421 4.3.2 going down"
        daemon, smtp = self.start()
        smtp.envelope(TOM, [BOB])
        self.assertEqual(str(smtp.data(message(to=BOB), 451)), "451 4.3.2 going down")
        self.hop.on["DATA"] = lambda *_: CLOSE
        smtp.envelope(TOM, [BOB])
        self.assertEqual(smtp.data(message(to=BOB), 451).enhanced(), "4.4.1")
        self.nothing_is_kept(daemon)

    def test_a_hop_that_hangs_up_behind_the_dot_is_a_possible_duplicate(self):
        self.hop.on["DOT"] = lambda *_: CLOSE
        daemon, smtp = self.start()
        smtp.envelope(TOM, [BOB])
        self.assertEqual(smtp.data(message(to=BOB), 451).enhanced(), "4.4.2")
        daemon.wait_for("relay.possible_duplicate")
        self.nothing_is_kept(daemon)

    def test_a_header_that_we_refuse_never_reaches_the_hop(self):
        daemon = self.enterContext(through(self.hop, listeners=(("submission", "none"),)))
        smtp = self.enterContext(daemon.connect("submission", "none"))
        smtp.ehlo()
        smtp.auth_plain(TOM, password_of(TOM))
        smtp.envelope(TOM, [BOB])
        self.assertEqual(smtp.data("Subject: no from\r\n\r\nx\r\n", 554).enhanced(), "5.6.0")
        self.assertNotIn("DATA", self.hop.lines)
        self.nothing_is_kept(daemon)
        smtp.envelope(TOM, [BOB])  # Bcc, Date and Message-ID are put right, as in the other mode
        smtp.data(f"From: {TOM}\r\nBcc: {ANN}\r\n\r\nx\r\n")
        content = self.hop.wait_for(1)[0].content
        self.assertNotIn(b"Bcc", content)
        self.assertIn(b"\r\nMessage-ID: <", content)
        self.assertNotIn(b"127.0.0.1", content.split(b"\r\n\r\n")[0])


class Elsewhere(Through):
    def test_a_recipient_of_another_hop_is_for_another_transaction(self):
        other = self.enterContext(Hop())
        daemon, smtp = self.start(other)
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        smtp.cmd(f"RCPT TO:<{BOB}>", 250)
        self.assertEqual(smtp.cmd(f"RCPT TO:<{EVE}>", 452).enhanced(), "4.5.3")
        self.assertEqual(smtp.cmd(f"RCPT TO:<{JERRY}>", 452).enhanced(), "4.5.3")
        self.assertEqual(smtp.cmd("RCPT TO:<x@held.test>", 452).enhanced(), "4.5.3")
        smtp.data(message(to=BOB))
        smtp.send_mail(TOM, [EVE], message(to=EVE))
        self.assertEqual(self.hop.wait_for(1)[0].recipients, [BOB])
        self.assertEqual(other.wait_for(1)[0].recipients, [EVE])
        adds_up(daemon)

    def test_a_recipient_that_was_refused_does_not_bind_the_others(self):
        other = self.enterContext(Hop())
        self.hop.on["RCPT"] = lambda *_: "550 5.1.1 nobody"
        _, smtp = self.start(other)
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        smtp.cmd(f"RCPT TO:<{BOB}>", 550)
        smtp.cmd(f"RCPT TO:<{EVE}>", 250)
        smtp.data(message(to=EVE))
        self.assertEqual(other.wait_for(1)[0].recipients, [EVE])

    def test_a_hop_that_is_down_leaves_the_mail_with_the_client(self):
        self.hop.close()
        daemon, smtp = self.start()
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        self.assertEqual(smtp.cmd(f"RCPT TO:<{BOB}>", 451).enhanced(), "4.4.1")
        self.nothing_is_kept(daemon)
        self.hop.open()
        smtp.cmd(f"RCPT TO:<{BOB}>", 250)
        smtp.data(message(to=BOB))
        self.hop.wait_for(1)
        adds_up(daemon)

    def test_a_hop_that_does_not_greet_is_not_reached(self):
        self.hop.on["CONNECT"] = lambda *_: "554 5.3.2 no mail here"
        _, smtp = self.start()
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        self.assertEqual(smtp.cmd(f"RCPT TO:<{BOB}>", 451).enhanced(), "4.4.1")

    def test_eight_bit_content_for_a_hop_without_8bitmime_is_refused_at_data(self):
        self.hop.extensions = ("PIPELINING", "ENHANCEDSTATUSCODES")
        daemon, smtp = self.start()
        smtp.cmd(f"MAIL FROM:<{TOM}> BODY=8BITMIME", 250)
        smtp.cmd(f"RCPT TO:<{BOB}>", 250)
        self.assertEqual(smtp.cmd("DATA", 554).enhanced(), "5.6.3")
        self.assertNotIn("DATA", self.hop.lines)
        smtp.send_mail(TOM, [BOB], message(to=BOB))  # declared as 7-bit it goes
        self.assertEqual(self.hop.wait_for(1)[0].recipients, [BOB])
        self.assertIn("RSET", self.hop.lines)
        adds_up(daemon)

    def test_a_message_too_large_for_the_hop_is_refused_at_rcpt(self):
        self.hop.extensions = ("SIZE 100000",)
        _, smtp = self.start()
        smtp.cmd(f"MAIL FROM:<{TOM}> SIZE=200000", 250)
        self.assertEqual(smtp.cmd(f"RCPT TO:<{BOB}>", 552).enhanced(), "5.3.4")

    def test_an_lmtp_hop_takes_one_recipient_a_transaction(self):
        self.hop.close()
        with Hop(lmtp=True) as hop:
            daemon = self.enterContext(sender({"away.test": f"lmtp://127.0.0.1:{hop.port}"},
                                              listener_extra='mode = "end-to-end"',
                                              listeners=(("relay", "none"),)))
            with daemon.connect("relay", "none") as smtp:
                smtp.ehlo()
                smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
                smtp.cmd(f"RCPT TO:<{BOB}>", 250)
                self.assertEqual(smtp.cmd(f"RCPT TO:<{ANN}>", 452).enhanced(), "4.5.3")
                smtp.data(message(to=BOB))
            self.assertEqual(hop.wait_for(1)[0].recipients, [BOB])
            adds_up(daemon)


class TheClientLeaves(Through):
    def test_before_the_dot_the_hop_gets_nothing(self):
        for how in ("vanish", "quit"):
            with self.subTest(how):
                lines = len(self.hop.lines)
                daemon, smtp = self.start()
                smtp.envelope(TOM, [BOB])
                if how == "vanish":
                    smtp.cmd("DATA", 354)
                    smtp.send("From: x@y.test\r\n\r\nhalf a li")
                    smtp.close()
                else:
                    smtp.quit()
                until(lambda: not self.hop.sessions, lambda: self.hop.lines)
                self.assertNotIn("DATA", self.hop.lines[lines:])
                self.assertEqual(self.hop.mails, [])
                self.nothing_is_kept(daemon)

    def test_after_rset_the_next_transaction_begins_with_one_there_too(self):
        daemon, smtp = self.start()
        smtp.envelope(TOM, [ANN])
        smtp.cmd("RSET", 250)
        smtp.send_mail(TOM, [BOB], message(to=BOB))
        mail, = self.hop.wait_for(1)
        self.assertEqual(mail.recipients, [BOB])
        self.assertIn("RSET", self.hop.lines)
        self.assertEqual(self.hop.connections, 1)
        adds_up(daemon)

    def test_after_the_hops_250_the_message_counts_and_may_be_doubled(self):
        daemon, smtp = self.start()

        def dot(*_):
            smtp.close()  # before the hop has answered, and so before we have
            return None
        self.hop.on["DOT"] = dot
        smtp.envelope(TOM, [BOB])
        smtp.cmd("DATA", 354)
        smtp.send(message(to=BOB).encode() + b".\r\n")
        self.hop.wait_for(1)
        daemon.wait_for("relay.possible_duplicate")
        until(lambda: daemon.events(), "events")
        self.assertEqual(len(events(daemon, one(daemon), "delivered")), 1)
        adds_up(daemon)


class TwoOfUs(unittest.TestCase):
    def test_the_mail_is_in_the_mailbox_when_the_client_hears_so(self):
        with sender({}, accounts=[JERRY], listeners=(("mx", "none"),)) as last:
            port, = last.ports[("mx", "none")]
            with sender({"yahoo.test": f"smtp://127.0.0.1:{port}"}, domains=("gmail.test",),
                        accounts=[TOM], hostname="gmail.test", listener_extra='mode = "end-to-end"',
                        listeners=(("relay", "none"),)) as first:
                with first.connect("relay", "none") as smtp:
                    smtp.ehlo()
                    smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
                    self.assertEqual(str(smtp.cmd("RCPT TO:<nobody@yahoo.test>")),
                                     "550 5.1.1 No such mailbox")
                    smtp.cmd(f"RCPT TO:<{JERRY}>", 250)
                    reply = smtp.data(message(to=JERRY))
                self.assertEqual(len(last.mailbox(JERRY)), 1)
                at_last, = {event["message"] for event in last.events()}
                self.assertEqual(reply.text, f"2.0.0 {at_last}")  # its id, not ours
                adds_up(first)
                adds_up(last)


class Password:
    """A file with a password, for a route."""
    def __init__(self, text):
        self.text = text

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".secret")
        self.file.write(self.text)
        self.file.flush()
        return self.file.name

    def __exit__(self, *_):
        self.file.close()


def resident(daemon):
    """The most memory it ever had, in octets."""
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
        line, = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10
