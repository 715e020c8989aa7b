"""Content in chunks (RFC 3030) over real sockets: what is kept, what is refused, what is pipelined."""
import random
import unittest

from lib.case import DaemonCase
from lib.smtp import message

JERRY = "jerry@yahoo.test"
SENDER = "a@elsewhere.test"


def binary(size, seed):
    """Octets of every kind; bare CR and LF, dots and NUL among them."""
    return random.Random(seed).randbytes(size - 12) + b"\r\n.\r\n\n.\n\0\r\r"


class Bdat(DaemonCase):
    options = {"accounts": [JERRY]}

    def begin(self, smtp, body="BINARYMIME"):
        smtp.cmd(f"MAIL FROM:<{SENDER}> BODY={body}", 250)
        smtp.cmd(f"RCPT TO:<{JERRY}>", 250)

    def assert_kept(self, subject, content):
        rows = [row for row in self.daemon.mailbox(JERRY) if row["subject"] == subject]
        self.assertEqual(1, len(rows), f"mails with subject {subject!r}")
        raw = self.daemon.mail(JERRY, rows[0]["uid"])
        # No assertEqual: three megabytes of difference would be printed.
        self.assertTrue(raw.endswith(b"\r\n" + content), f"{subject}: {len(raw)} octets differ")

    def test_three_mib_in_one_last_chunk(self):
        content = message("one chunk", SENDER, body="").encode() + binary(3 << 20, 1)
        with self.daemon.connect("mx") as smtp:
            self.assertIn("BINARYMIME", smtp.ehlo().text.split("\n"))
            self.begin(smtp)
            smtp.bdat(content, last=True)
            smtp.quit()
        self.assert_kept("one chunk", content)

    def test_chunks_of_every_size_under_tls(self):
        content = message("many chunks", SENDER, body="").encode() + binary(1 << 20, 2)
        sizes = random.Random(3)
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.starttls()
            smtp.ehlo()
            self.begin(smtp)
            at = 0
            while at < len(content):
                size = sizes.choice((1024, 16 << 10, (256 << 10) - 1, 256 << 10, 300_001))
                smtp.bdat(content[at:at + size])
                at += size
            smtp.bdat(b"", last=True)
        self.assert_kept("many chunks", content)

    def test_two_messages_in_one_write(self):
        contents = [message(f"pipelined {i}", SENDER, body="x\r\n.\r\n").encode() for i in (1, 2)]
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.send(b"".join(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%s" % (
                SENDER.encode(), JERRY.encode(), len(content), content) for content in contents))
            for _ in range(6):
                smtp.reply(250)
        for i, content in enumerate(contents, 1):
            self.assert_kept(f"pipelined {i}", content)

    def test_text_gets_whole_lines(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            self.begin(smtp, "8BITMIME")
            smtp.bdat(message("lines", SENDER, body="").replace("\r\n", "\n").encode() + b"a\n.\n\xff\n",
                      last=True)
        self.assert_kept("lines", b"\r\na\r\n.\r\n\xff\r\n")

    def test_a_client_that_leaves_in_a_chunk_leaves_nothing(self):
        before = len(self.daemon.mailbox(JERRY))
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            self.begin(smtp)
            smtp.send(b"BDAT 3000000 LAST\r\n" + b"x" * 2_000_000)
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            self.begin(smtp)
            smtp.bdat(message("after it", SENDER).encode(), last=True)
        self.assertEqual(before + 1, len(self.daemon.mailbox(JERRY)))

    def test_octets_of_a_refused_chunk_are_no_commands(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.bdat(b"QUIT\r\n" * 100_000, 503)
            smtp.cmd("NOOP", 250)


if __name__ == "__main__":
    unittest.main()
