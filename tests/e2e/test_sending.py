"""Mail leaves: to a next hop that takes it, is down, refuses, or is half willing."""
import tempfile
import threading
import unittest

from lib.daemon import certificate
from lib.hop import CLOSE, Hop
from lib.smtp import message
from sending import (JERRY, QUICK, TOM, adds_up, becomes, events, notice_to, quoted, sender, states, submit,
                     tried, until, waits)

BOB, ANN, EVE = "bob@away.test", "ann@away.test", "eve@away.test"


def away(hop, scheme="smtp", **more):
    to = f"{scheme}://127.0.0.1:{hop.port}"
    return {"away.test": {"to": to, **more} if more else to}


class ToANextHop(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(Hop())

    def test_it_arrives_byte_for_byte(self):
        content = message(to=BOB, body=".dot\r\n..two\r\n\r\nlong " + "x" * 900 + "\r\nend\r\n")
        with sender(away(self.hop)) as daemon:
            number = submit(daemon, BOB, content=content)
            mail, = self.hop.wait_for(1)
            self.assertEqual(mail.sender, TOM)
            self.assertEqual(mail.recipients, [BOB])
            self.assertEqual(mail.helo, "mx.yahoo.test")
            self.assertTrue(mail.content.startswith(b"Received: from client.test"))
            self.assertTrue(mail.content.endswith(content.encode()), mail.content)
            becomes(daemon, number, bob="delivered")
            fact, = events(daemon, number, "delivered")
            self.assertEqual(fact["facts"]["address"], f"127.0.0.1:{self.hop.port}")
            self.assertEqual(fact["facts"]["reply"], "250 2.0.0 taken")
            self.assertEqual(waits(daemon), [])
            adds_up(daemon)

    def test_several_recipients_of_one_hop_share_a_transaction(self):
        with sender(away(self.hop)) as daemon:
            number = submit(daemon, [BOB, ANN, EVE])
            mail, = self.hop.wait_for(1)
            self.assertEqual(mail.recipients, [BOB, ANN, EVE])
            becomes(daemon, number, bob="delivered", ann="delivered", eve="delivered")
            adds_up(daemon)

    def test_so_do_those_of_several_domains(self):
        to = f"smtp://127.0.0.1:{self.hop.port}"
        with sender({"away.test": to, "other.test": to, "third.test": to}) as daemon:
            number = submit(daemon, [BOB, "joe@other.test", ANN, "pia@third.test"])
            mail, = self.hop.wait_for(1)
            self.assertEqual(set(mail.recipients), {BOB, "joe@other.test", ANN, "pia@third.test"})
            becomes(daemon, number, bob="delivered", joe="delivered", ann="delivered", pia="delivered")
            self.assertEqual(len(self.hop.mails), 1)
            adds_up(daemon)

    def test_a_hop_that_takes_one_domain_at_a_time_has_them_one_after_another(self):
        def rcpt(line, session):
            others = [one for one in session.mail.recipients if one.split("@")[1] not in line]
            return "451 4.3.0 Multiple destination domains per transaction is unsupported" if others else None
        self.hop.on["RCPT"] = rcpt
        to = f"smtp://127.0.0.1:{self.hop.port}"
        with sender({"away.test": to, "other.test": to, "third.test": to}) as daemon:
            number = submit(daemon, [BOB, "joe@other.test", "pia@third.test"])
            becomes(daemon, number, bob="delivered", joe="delivered", pia="delivered")
            self.assertEqual(len(self.hop.mails), 3)
            self.assertEqual(events(daemon, number, "deferred"), [])
            adds_up(daemon)

    def test_a_connection_is_used_again(self):
        with sender(away(self.hop)) as daemon:
            for _ in range(3):
                becomes(daemon, submit(daemon, BOB), bob="delivered")
            self.assertEqual({mail.connection for mail in self.hop.wait_for(3)}, {1})

    def test_each_recipient_has_its_own_answer_and_the_sender_is_told(self):
        def rcpt(line, _):
            if ANN in line:
                return "550 5.1.1 <ann@away.test>: nobody here by that name"
            return "450 4.2.1 try again" if EVE in line and len(self.hop.mails) == 0 else None
        self.hop.on["RCPT"] = rcpt
        with sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, [BOB, ANN, EVE])
            becomes(daemon, number, bob="delivered", ann="bounced", eve="delivered")
            self.assertEqual([mail.recipients for mail in self.hop.wait_for(2)], [[BOB], [EVE]])
            notice = notice_to(daemon, TOM).decode()
            self.assertIn("Return-Path: <>", notice)
            self.assertIn("Action: failed", notice)
            self.assertIn("Status: 5.1.1", notice)
            self.assertIn(f"Final-Recipient: rfc822; {ANN}".replace("; ", ";"),
                          notice.replace("; ", ";"))
            self.assertIn("nobody here by that name", notice)
            self.assertNotIn(BOB, notice.split("Content-Type: message/delivery-status")[-1]
                             .split("Content-Type:")[0])
            adds_up(daemon)

    def test_a_refused_message_comes_back_to_tom(self):
        self.hop.on["DOT"] = lambda *_: "554 5.7.1 we do not want this"
        with sender(away(self.hop)) as daemon:
            becomes(daemon, submit(daemon, BOB), bob="bounced")
            notice = notice_to(daemon, TOM).decode()
            self.assertIn("5.7.1", notice)
            self.assertIn("we do not want this", notice)
            self.assertEqual(self.hop.mails, [])
            adds_up(daemon)

    def test_no_notice_for_a_notice(self):
        self.hop.on["DOT"] = lambda *_: "554 5.7.1 no"
        with sender(away(self.hop)) as daemon:
            becomes(daemon, submit(daemon, BOB, sender_path=""), bob="bounced")
            adds_up(daemon)
            self.assertEqual(daemon.mailbox(TOM), [])

    def test_notify_never_is_silent_and_success_is_told(self):
        with sender(away(self.hop)) as daemon:
            number = submit(daemon, BOB, rcpt=" NOTIFY=SUCCESS", parameters=" ENVID=x42 RET=HDRS")
            becomes(daemon, number, bob="delivered")
            notice = notice_to(daemon, TOM).decode()
            self.assertIn("Action: relayed", notice)  # the hop knows no DSN
            self.assertIn("Original-Envelope-Id: x42", notice)
            self.hop.on["DOT"] = lambda *_: "554 5.7.1 no"
            becomes(daemon, submit(daemon, BOB, rcpt=" NOTIFY=NEVER"), bob="bounced")
            adds_up(daemon)
            self.assertEqual(len(daemon.mailbox(TOM)), 1)

    def test_a_hop_with_dsn_gets_the_parameters(self):
        self.hop.extensions += ("DSN",)
        with sender(away(self.hop)) as daemon:
            submit(daemon, BOB, parameters=" ENVID=x42 RET=FULL",
                   rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;robert@x.test")
            mail, = self.hop.wait_for(1)
            self.assertIn("ENVID=x42", mail.sender_line)
            self.assertIn("RET=FULL", mail.sender_line)
            self.assertIn("NOTIFY=SUCCESS,FAILURE", mail.recipient_lines[0])
            self.assertIn("ORCPT=rfc822;robert@x.test", mail.recipient_lines[0])

    def test_a_large_message_goes_out_as_it_came(self):
        content = message(to=BOB, body="0123456789" * 7 + "\r\n").encode()
        content += (b"0123456789" * 7 + b"\r\n") * 60_000  # over 4 MiB, in many chunks
        with sender(away(self.hop)) as daemon:
            number = submit(daemon, BOB, content=content)
            becomes(daemon, number, bob="delivered")
            self.assertTrue(self.hop.mails[0].content.endswith(content))


class WhenTheHopIsDown(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(Hop())

    def test_mail_waits_and_goes_when_it_is_told_to(self):
        self.hop.close()
        with sender(away(self.hop)) as daemon:
            number = submit(daemon, BOB)
            row, = tried(daemon)
            self.assertEqual(row["id"], number)
            self.assertEqual(row["sender"], TOM)
            self.assertEqual(row["recipients"], [BOB])
            self.assertEqual(row["state"], "queued")
            self.assertTrue(row["next_try"], row)
            self.assertIn("refused", row["reason"].lower())
            self.assertIn(number, daemon.ctl("queue", "show", number))
            self.assertEqual(daemon.json("status")["queue"]["queued"], 1)
            self.hop.open()
            daemon.ctl("queue", "retry", number)
            self.assertEqual(self.hop.wait_for(1)[0].recipients, [BOB])
            becomes(daemon, number, bob="delivered")
            adds_up(daemon)

    def test_it_is_tried_again_by_itself(self):
        self.hop.close()
        with sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, BOB)
            tried(daemon)
            self.hop.open()
            becomes(daemon, number, bob="delivered")

    def test_it_waits_over_a_restart(self):
        self.hop.close()
        with sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, BOB)
            tried(daemon)
            daemon.restart()
            self.assertEqual([row["id"] for row in waits(daemon)], [number])
            self.hop.open()
            becomes(daemon, number, bob="delivered")
            adds_up(daemon)

    def test_one_dead_hop_delays_no_other(self):
        self.hop.close()
        with Hop() as living, sender({**away(self.hop),
                                      "alive.test": f"smtp://127.0.0.1:{living.port}"}) as daemon:
            number = submit(daemon, [BOB, "joe@alive.test"])
            self.assertEqual(living.wait_for(1)[0].recipients, ["joe@alive.test"])
            becomes(daemon, number, bob="deferred", joe="delivered")
            adds_up(daemon)

    def test_a_hop_that_hangs_up_at_each_step_loses_nothing(self):
        for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"):
            with self.subTest(verb):
                begin = len(self.hop.mails)
                left = [2]

                def hang_up(*_):
                    left[0] -= 1
                    return CLOSE if left[0] >= 0 else None
                self.hop.on = {verb: hang_up}
                with sender(away(self.hop), QUICK) as daemon:
                    number = submit(daemon, BOB)
                    becomes(daemon, number, bob="delivered")
                    self.assertEqual(len(self.hop.mails), begin + 1)
                    adds_up(daemon)


class Steered(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(Hop())

    def waiting(self, daemon, count=1):
        return tried(daemon, count)

    def test_hold_and_release(self):
        self.hop.close()
        with sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, BOB)
            self.waiting(daemon)
            until(lambda: daemon.run("queue", "hold", number, "--reason", "odd").returncode == 0,
                  "held between two tries")
            self.assertEqual(states(daemon, number), {BOB: "held"})
            row, = waits(daemon)
            self.assertEqual((row["state"], row["reason"]), ("held", "odd"))
            self.hop.open()
            self.assertEqual(self.hop.mails, [])
            daemon.ctl("queue", "release", number)
            becomes(daemon, number, bob="delivered")
            adds_up(daemon)

    def test_a_route_that_holds_is_released_to_where_it_goes_now(self):
        with sender({"away.test": "hold"}) as daemon:
            number = submit(daemon, BOB)
            self.assertEqual(states(daemon, number), {BOB: "held"})
            daemon.routes = away(self.hop)
            daemon.write_config()
            mark = len(daemon.log)
            daemon.signal(1)
            daemon.wait_for("serve.reloaded", since=mark)
            daemon.ctl("queue", "release", "--domain", "away.test")
            becomes(daemon, number, bob="delivered")
            adds_up(daemon)

    def test_what_became_an_alias_of_several_goes_to_each(self):
        with sender({"away.test": "hold", "other.test": f"smtp://127.0.0.1:{self.hop.port}"}) as daemon:
            number = submit(daemon, BOB, rcpt=" NOTIFY=SUCCESS")
            daemon.ctl("domain", "add", "away.test")
            daemon.ctl("alias", "add", BOB, JERRY, TOM, "joe@other.test")
            daemon.ctl("queue", "release", number)
            becomes(daemon, number, jerry="delivered", tom="delivered", joe="delivered")
            event, = events(daemon, number, "expanded")
            self.assertEqual((event["recipient"], set(event["recipients"])),
                             (BOB, {JERRY, TOM, "joe@other.test"}))
            self.assertEqual(self.hop.wait_for(1)[0].recipients, ["joe@other.test"])
            self.assertEqual(len(daemon.mailbox(JERRY)), 1)
            self.assertIn(b"Action: expanded", notice_to(daemon, TOM, 2))
            adds_up(daemon)

    def test_so_does_what_waited_for_a_hop_that_was_down(self):
        self.hop.close()
        with sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, [BOB, ANN])
            self.waiting(daemon)
            daemon.ctl("domain", "add", "away.test")
            daemon.add_account(ANN)
            daemon.ctl("alias", "add", BOB, JERRY, TOM)
            daemon.run("queue", "retry", number)
            becomes(daemon, number, ann="delivered", jerry="delivered", tom="delivered")
            self.assertEqual([len(daemon.mailbox(one)) for one in (ANN, JERRY, TOM)], [1, 1, 1])
            adds_up(daemon)

    def test_bounce_tells_the_sender_why(self):
        with sender({"away.test": "hold"}) as daemon:
            number = submit(daemon, BOB)
            daemon.ctl("queue", "bounce", number, "--reason", "the archive is closed")
            becomes(daemon, number, bob="bounced")
            self.assertIn("the archive is closed", notice_to(daemon, TOM).decode())
            adds_up(daemon)

    def test_selections(self):
        with sender({"away.test": "hold", "other.test": "hold"}) as daemon:
            first = submit(daemon, BOB)
            second = submit(daemon, "joe@other.test", sender_path=JERRY)
            third = submit(daemon, ANN, sender_path="")
            for selection, expected in (
                    ((first, second), {first, second}), (("--sender", TOM), {first}),
                    (("--sender", "<>"), {third}), (("--recipient", "JOE@other.test"), {second}),
                    (("--domain", "Away.test"), {first, third}), ((), {first, second, third}),
                    (("--sender", TOM, "--domain", "other.test"), set())):
                self.assertEqual({row["id"] for row in waits(daemon, *selection)}, expected,
                                 selection)
            text = daemon.ctl("queue", "list")
            for word in (first, second, third, "held", "<>"):
                self.assertIn(word, text)

    def test_mistakes_are_told(self):
        with sender({"away.test": "hold"}) as daemon:
            for arguments, status in ((("retry",), 64), (("bounce", "nonsense"), 65),
                                      (("release", "0" * 16), 66), (("show", "0" * 16), 66),
                                      (("list", "--limit", "0"), 65)):
                done = daemon.run("queue", *arguments)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertTrue(done.stderr.startswith("mailwright: "), done.stderr)
            self.assertEqual(daemon.ctl("queue", "list"), "Nothing waits.\n")
            self.assertEqual(waits(daemon), [])

    def test_retry_while_it_is_being_sent_neither_loses_nor_doubles(self):
        on_the_way, go_on = threading.Event(), threading.Event()

        def dot(*_):
            on_the_way.set()
            go_on.wait(30)
        self.hop.on["DOT"] = dot
        with sender(away(self.hop), QUICK) as daemon:
            for _ in range(3):
                number = submit(daemon, BOB)
                self.assertTrue(on_the_way.wait(30))
                done = daemon.run("queue", "retry", number)
                self.assertIn(done.returncode, (0, 75), done.stderr)
                go_on.set()
                becomes(daemon, number, bob="delivered")
                on_the_way.clear(), go_on.clear()
            self.assertEqual(len(self.hop.mails), 3)
            adds_up(daemon)

    def test_retry_again_and_again_neither_loses_nor_doubles(self):
        self.hop.close()
        with sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, BOB)
            self.waiting(daemon)
            for turn in range(40):
                if turn == 20:
                    self.hop.open()
                self.assertIn(daemon.run("queue", "retry", number).returncode, (0, 66, 75))
            becomes(daemon, number, bob="delivered")
            self.assertEqual(len(self.hop.mails), 1)
            adds_up(daemon)

    def test_a_route_changes_at_a_reload(self):
        self.hop.close()
        with Hop() as other, sender(away(self.hop), QUICK) as daemon:
            number = submit(daemon, BOB)
            self.waiting(daemon)
            daemon.routes = away(other)
            daemon.write_config()
            mark = len(daemon.log)
            daemon.signal(1)
            daemon.wait_for("serve.reloaded", since=mark)
            daemon.run("queue", "retry", number)
            self.assertEqual(other.wait_for(1)[0].recipients, [BOB])
            becomes(daemon, number, bob="delivered")
            adds_up(daemon)

    def test_what_is_discarded_is_counted(self):
        with sender({"away.test": "discard"}) as daemon:
            self.assertEqual(states(daemon, submit(daemon, BOB)), {BOB: "discarded"})
            adds_up(daemon)

    def test_what_waits_for_a_dead_hop_can_be_given_back(self):
        self.hop.close()
        with sender(away(self.hop)) as daemon:
            number = submit(daemon, BOB)
            self.waiting(daemon)
            daemon.ctl("queue", "bounce", "--all")
            becomes(daemon, number, bob="bounced")
            self.assertIn(BOB, notice_to(daemon, TOM).decode())

    def test_explain_says_the_way_and_sends_nothing(self):
        with sender({**away(self.hop), "held.test": "hold"}) as daemon:
            way, = daemon.json("explain", TOM, BOB)["ways"]
            self.assertEqual(way["route"], f"smtp://127.0.0.1:{self.hop.port}")
            self.assertEqual(way["hosts"][0]["addresses"], ["127.0.0.1"])
            self.assertIn("sent to", way["result"])
            self.assertIn("kept aside", daemon.ctl("explain", TOM, "joe@held.test"))
            local, = daemon.json("explain", "<>", JERRY)["ways"]
            self.assertEqual(local["route"], "local")
            self.assertEqual(daemon.run("explain", TOM, "nobody@yahoo.test").returncode, 67)
            self.assertEqual(self.hop.connections, 0)


class Protected(unittest.TestCase):
    def hop(self, **options):
        return self.enterContext(Hop(certificate=certificate(), **options))

    def test_tls_where_it_is_offered_and_with_the_name_of_the_route(self):
        hop = self.hop(tls="starttls")
        with sender(away(hop, helo="out7.yahoo.test")) as daemon:
            number = submit(daemon, BOB)
            mail, = hop.wait_for(1)
            self.assertTrue(mail.tls.startswith("TLSv1."), mail)
            self.assertEqual(mail.helo, "out7.yahoo.test")
            becomes(daemon, number, bob="delivered")
            fact, = events(daemon, number, "delivered")
            self.assertEqual(fact["facts"]["tls"], mail.tls)

    def test_implicit_tls(self):
        hop = self.hop(tls="implicit")
        with sender(away(hop, "smtps", tls="require")) as daemon:
            submit(daemon, BOB)
            self.assertTrue(hop.wait_for(1)[0].tls)

    def test_required_and_not_offered_waits(self):
        hop = self.hop()
        with sender(away(hop, tls="require")) as daemon:
            number = submit(daemon, BOB)
            row, = tried(daemon)
            self.assertEqual(states(daemon, number), {BOB: "deferred"})
            self.assertNotIn("DATA", hop.lines)
            self.assertFalse([line for line in hop.lines if line.startswith("MAIL")], row)

    def test_verify_takes_only_the_certificate_of_the_host(self):
        hop = self.hop(tls="starttls")
        route = away(hop, tls="verify")
        with sender(route) as daemon:  # signed by itself: nobody vouches for it
            submit(daemon, BOB)
            tried(daemon)
            self.assertEqual(hop.mails, [])
        with sender(route, f"[outbound]\nca_file = {quoted(certificate()[0])}\n") as daemon:
            number = submit(daemon, BOB)
            becomes(daemon, number, bob="delivered")
            self.assertEqual(events(daemon, number, "delivered")[0]["facts"]["verified"], "yes")

    def test_login(self):
        hop = self.hop(login=("me", "open sesame"))
        with sender({}) as daemon:
            secret = daemon.folder / "password"
            secret.write_text("open sesame\n")
            secret.chmod(0o600)
            daemon.routes = away(hop, login="me", password_file=str(secret))
            daemon.write_config()
            daemon.restart()
            submit(daemon, BOB)
            self.assertEqual(hop.wait_for(1)[0].login, "me")
            secret.write_text("wrong\n")
            mark = len(daemon.log)
            daemon.signal(1)
            daemon.wait_for("serve.reloaded", since=mark)
            hop.close()  # the connection that is logged in
            hop.open()
            number = submit(daemon, ANN)
            tried(daemon)
            self.assertEqual(states(daemon, number), {ANN: "deferred"})
            for line in daemon.raw_log:
                self.assertNotIn("sesame", line)


class Lmtp(unittest.TestCase):
    def check(self, hop, route):
        hop.on["DOT"] = lambda recipient, _: {ANN: "550 5.1.1 no such mailbox",
                                              EVE: "452 4.2.2 full"}.get(recipient)
        with sender({"away.test": route}) as daemon:
            number = submit(daemon, [BOB, ANN, EVE])
            becomes(daemon, number, bob="delivered", ann="bounced", eve="deferred")
            self.assertEqual(hop.wait_for(1)[0].recipients, [BOB])
            self.assertTrue(hop.lines[0].startswith("LHLO "))
            self.assertIn("no such mailbox", notice_to(daemon, TOM).decode())
            row, = waits(daemon)
            self.assertEqual(row["recipients"], [EVE])
            self.assertIn("full", row["reason"])
            adds_up(daemon)

    def test_by_port(self):
        with Hop(lmtp=True) as hop:
            self.check(hop, f"lmtp://127.0.0.1:{hop.port}")

    def test_by_socket(self):
        with tempfile.TemporaryDirectory() as folder, \
                Hop(lmtp=True, path=f"{folder}/lmtp.sock") as hop:
            self.check(hop, f"lmtp:{folder}/lmtp.sock")


if __name__ == "__main__":
    unittest.main()
