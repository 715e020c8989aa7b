"""Everything as large as it may be, and then too large: refused with the reply of security.md §3, and
the daemon is well and keeps what it took (RFC 5321 §4.5.3.1)."""
import base64

from abuse import JERRY, Served, TOM

ADDRESS = "a@elsewhere.test"
LABEL = "d" * 63


def domain(octets):
    """A name of so many octets: labels of 63, and what is left."""
    labels, left = [], octets - len(".test")
    while left > 0:
        labels.append(LABEL[:left])
        left -= len(labels[-1]) + 1
    return ".".join([*labels, "test"])


class Oversize(Served):
    options = {**Served.options, "listener_extra": 'max_message_size = "1MiB"'}

    def lines(self, role, cases, before=()):
        """Each line in a session of its own: some that fit, some that do not, and a NOOP behind."""
        for line, code, enhanced in cases:
            with self.subTest(role=role, line=f"{line[:40]}... ({len(line)})"):
                client = self.talk(role)
                for each in before:
                    client.cmd(each, 250)
                reply = client.cmd(line, code)
                self.assertEqual(enhanced, reply.enhanced() if enhanced else "")
                client.cmd("NOOP", 250)
                client.close()

    def test_command_lines(self):
        self.lines("mx", [
            ("NOOP " + "x" * 2043, 250, "2.0.0"),
            ("NOOP " + "x" * 2044, 500, "5.5.2"),
            ("NOOP " + "x" * 60_000, 500, "5.5.2"),
            ("EHLO " + "h" * 255, 250, ""),
            ("EHLO " + "h" * 256, 501, ""),
            (f"VRFY {'v' * 2044}", 500, "5.5.2"),
            ("X" * 2048, 500, "5.5.2"),
            ("X" * 2049, 500, "5.5.2")])

    def test_addresses(self):
        self.lines("mx", [
            (f"MAIL FROM:<{'l' * 64}@elsewhere.test>", 250, "2.1.0"),
            (f"MAIL FROM:<{'l' * 65}@elsewhere.test>", 501, "5.1.7"),
            (f"MAIL FROM:<l@{domain(252)}>", 250, "2.1.0"),
            (f"MAIL FROM:<l@{domain(253)}>", 501, "5.1.7"),
            (f"MAIL FROM:<l@{LABEL}d.test>", 501, "5.1.7"),
            (f"MAIL FROM:<{'@r.test,' * 200}@r.test:{ADDRESS}>", 250, "2.1.0"),
            ("MAIL FROM:<" + "(" * 2000 + ">", 501, "5.1.7"),
            ('MAIL FROM:<"' + "\\a" * 900 + '"@elsewhere.test>', 501, "5.1.7")])
        self.lines("mx", [
            (f"RCPT TO:<{'l' * 64}@yahoo.test>", 550, "5.1.1"),
            (f"RCPT TO:<{'l' * 65}@yahoo.test>", 501, "5.1.3"),
            (f"RCPT TO:<l@{domain(300)}>", 501, "5.1.3"),
            (f"RCPT TO:<{JERRY}>{' ' * 2000}", 250, "2.1.5")], [f"MAIL FROM:<{ADDRESS}>"])

    def test_parameters(self):
        self.lines("mx", [
            (f"MAIL FROM:<{ADDRESS}> ENVID={'e' * 100}", 250, "2.1.0"),
            (f"MAIL FROM:<{ADDRESS}> ENVID={'e' * 101}", 501, "5.5.4"),
            (f"MAIL FROM:<{ADDRESS}> SIZE={1 << 20}", 250, "2.1.0"),
            (f"MAIL FROM:<{ADDRESS}> SIZE={(1 << 20) + 1}", 552, "5.3.4"),
            (f"MAIL FROM:<{ADDRESS}> SIZE=99999999999999999999", 501, "5.5.4"),
            (f"MAIL FROM:<{ADDRESS}> SIZE={'0' * 1000}1", 501, "5.5.4"),
            (f"MAIL FROM:<{ADDRESS}>" + " BODY=7BIT" * 150, 501, "5.5.4"),
            (f"MAIL FROM:<{ADDRESS}> " + "X" * 1500, 555, "5.5.4")])
        self.lines("mx", [
            (f"RCPT TO:<{JERRY}> NOTIFY={'DELAY,' * 200}DELAY", 250, "2.1.5"),
            (f"RCPT TO:<{JERRY}> ORCPT=rfc822;{'o' * 1900}", 501, "5.5.4")],
            [f"MAIL FROM:<{ADDRESS}>"])

    def test_logins(self):
        def client():
            made = self.talk("submission")
            made.starttls()
            made.ehlo()
            return made
        for octets, code, enhanced in ((12288, 501, "5.5.2"), (12289, 500, "5.5.2")):
            begin = "AUTH PLAIN "
            reply = client().cmd(begin + "A" * (octets - len(begin)), code, 535)
            self.assertIn(reply.enhanced(), (enhanced, "5.7.8"))
        for octets, code, enhanced in ((12288, 501, "5.5.2"), (12289, 500, "5.5.6")):
            made = client()
            made.cmd("AUTH PLAIN", 334)
            self.assertEqual(enhanced, made.cmd("A" * octets, code).enhanced())
            made.cmd("NOOP", 250)
        long_one = base64.b64encode(f"\0{'u' * 256}\0p".encode()).decode()
        self.assertEqual("5.5.2", client().cmd(f"AUTH PLAIN {long_one}", 501).enhanced())
        # A password may be long, and is as wrong as any other.
        long_one = base64.b64encode(f"\0{TOM}\0{'p' * 9000}".encode()).decode()
        self.assertEqual("5.7.8", client().cmd(f"AUTH PLAIN {long_one}", 535).enhanced())

    def content(self, content, code, enhanced):
        client = self.talk()
        client.envelope(ADDRESS, [JERRY])
        self.assertEqual(enhanced, client.data(content, code).enhanced())
        client.cmd("NOOP", 250)
        client.close()

    def test_messages(self):
        top = "Subject: large\r\n\r\n"
        fits = top + "x" * ((1 << 20) - len(top) - 2)
        self.content(fits, 250, "2.0.0")  # one line of a MiB
        self.content(fits + "x", 552, "5.3.4")
        self.content(top + "\r\n" * ((1 << 19) - len(top) // 2), 250, "2.0.0")
        self.content(top + "\r\n" * (1 << 19), 552, "5.3.4")
        self.content(top + "." * 70_000 + "\r\n" + ".\r\n" * 1000, 250, "2.0.0")
        for size, code in ((1 << 20, 250), ((1 << 20) + 1, 552)):
            client = self.talk()
            client.envelope(ADDRESS, [JERRY])
            client.bdat(fits.encode() + b"\r\n" + b"y" * (size - (1 << 20)), code, last=True)
        self.assertEqual(["large"] * 4, self.new())

    def test_a_message_that_never_ends(self):
        for piece, code, enhanced in ((b"x" * 60_000 + b"\r\n", 552, "5.3.4"),
                                      (b"x" * 60_000 + b"\n", 550, "5.5.2")):
            with self.subTest(piece=piece[-2:]):
                client = self.in_data()
                for _ in range(60):  # 3.6 MB, behind 2 x the limit it is told so
                    try:
                        client.send(piece)
                    except ConnectionError:
                        break
                try:
                    self.assertEqual(enhanced, client.reply(code).enhanced())
                except ConnectionError:
                    pass  # told so while it was still talking: the reset overtook the reply
                self.assertTrue(client.at_end())

    def test_headers(self):
        def of(fields, octets=10):
            return "".join(f"X-{n}: {'v' * octets}\r\n" for n in range(fields)) + "\r\nbody\r\n"
        self.content("Subject: header\r\n" + of(4900), 250, "2.0.0")
        self.content("Subject: header\r\n" + of(5100), 552, "5.3.4")
        self.content("Subject: header\r\n" + of(250, 1000), 250, "2.0.0")  # 248 KiB
        self.content("Subject: header\r\n" + of(270, 1000), 552, "5.3.4")
        self.content("Subject: header\r\n" + of(1, 300_000), 552, "5.3.4")
        self.content("To: " + ",\r\n ".join(f"u{n}@a.test" for n in range(12_000)) + "\r\n"
                     "Subject: header\r\n\r\n", 250, "2.0.0")
        self.assertEqual(["header"] * 3, self.new())

    def test_chunks_so_small_that_they_carry_nothing(self):
        client = self.talk("relay", source="127.9.4.1")
        client.envelope(ADDRESS, [JERRY])
        client.send(b"BDAT 1\r\nx" * 100)  # more junk than a session may send
        for _ in range(99):  # EHLO was one too
            client.reply(250)
        self.assertEqual("4.7.0", client.reply(421).enhanced())
        self.assertTrue(client.at_end())
