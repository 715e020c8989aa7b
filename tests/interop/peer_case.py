"""What tests with programs of others share: a daemon with Tom and Jerry, and proofs that mail arrived whole."""
import re

from lib.case import DaemonCase
from lib.smtp import message

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"
# RFC 6531: addresses that only SMTPUTF8 can carry.
TOEM, JOERG = "töm@gmail.test", "jörg@yahoo.test"
BODY = "Hello Jerry,\r\n.one dot\r\n..two dots\r\n\r\nTom\r\n"
LARGE = 20 << 20


def large_body():
    """20 MiB of lines, no two alike, some beginning with a dot."""
    line = "{:011d} the quick brown fox jumps over the lazy dog and is gone\r\n"
    size = len(line.format(0))
    return "".join(("." if i % 1000 == 0 else "") + line.format(i) for i in range(LARGE // size + 1))


class PeerCase(DaemonCase):
    """One daemon for the tests of a class; `relay` without TLS is there to listen in on."""

    options = {"accounts": [JERRY], "listeners": (
        ("mx", "starttls"), ("submission", "starttls"), ("submission", "implicit"), ("relay", "none"))}

    @classmethod
    def prepare(cls):
        # CRAM-MD5 needs a secret that can be read, so an account must be made for it.
        cls.daemon.add_account(TOM, "--cram-md5")

    def port(self, tls):
        return self.daemon.port("relay" if tls == "none" else "submission", tls)

    def newest(self, subject, mailbox=JERRY):
        """The stored bytes of the one mail with this subject."""
        rows = [row for row in self.daemon.mailbox(mailbox) if row["subject"] == subject]
        self.assertEqual(1, len(rows), f"mails with subject {subject!r} in {mailbox}")
        return self.daemon.mail(mailbox, rows[0]["uid"])

    def arrived(self, subject, protocol, body=BODY, mailbox=JERRY):
        """It is there once, came by this protocol (RFC 3848, 6531 §4.3), and its body is unchanged."""
        raw = self.newest(subject, mailbox)
        header, _, content = raw.partition(b"\r\n\r\n")
        first = re.sub(rb"\s+", b" ", re.split(rb"\r\n(?![ \t])", header[header.index(b"Received:"):])[0])
        self.assertIn(f" with {protocol} ".encode(), first, raw[:2000])
        if content != body.encode():
            self.fail(f"{len(content)} octets of body instead of {len(body)}; begins {content[:200]!r}, "
                      f"ends {content[-200:]!r}")
        return raw


def mail(subject, body=BODY, sender=TOM, to=JERRY):
    return message(subject, sender=sender, to=to, body=body).encode()
