"""Us to OpenSMTPD, which knows neither BDAT nor SMTPUTF8: DSN, 20 MiB, and what comes back.

Debian 12 has it built against an OpenSSL in whose hands its TLS breaks at the handshake ("missing private
key"), and it takes logins under TLS only: what is shown here is how we bear such a peer.
"""
from lib import peers
from out_case import BOXES, OutCase, SmtpOut
from peer_case import mail
from sending import becomes, events, submit, until


class OpenSmtpd(SmtpOut, OutCase):
    PACKAGES = ("opensmtpd",)
    CHUNKING = False
    ENVELOPE_ID = r"(?i)action: delivered"  # it forgets the ENVID
    SCRIPT = r"""
mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty /peer/mail
chmod 711 /var/spool/smtpd
mkdir -p -m 700 /var/spool/smtpd/{corrupt,incoming,purge,queue,temporary}
mkdir -p -m 770 /var/spool/smtpd/offline
chown opensmtpq /var/spool/smtpd/{corrupt,incoming,purge,queue,temporary}
chown root:opensmtpq /var/spool/smtpd/offline /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
chown 20106:20106 /peer/mail
cp /peer/*.pem /var/lib/opensmtpd/
chmod 600 /var/lib/opensmtpd/*.pem
chmod 644 /peer/smtpd.conf
exec smtpd -d -v -f /peer/smtpd.conf > /peer/log 2>&1
"""
    CONFIG = """
pki away cert "/var/lib/opensmtpd/cert.pem"
pki away key "/var/lib/opensmtpd/key.pem"
table boxes { BOXES }
table here { DOMAINS }
smtp max-message-size 50M
listen on socket
listen on 0.0.0.0 port 25 tls pki away hostname mx.away.test
action box maildir "/peer/mail/%{rcpt.domain}/%{rcpt.user}" virtual <boxes>
action back relay host smtp://127.0.0.1:BACK helo mx.away.test
match from any for domain <here> action box
match from any for any action back
"""

    @classmethod
    def peer_world(cls):
        config = (cls.CONFIG.replace("BOXES", ", ".join(f'"{box}" = "box"' for box in BOXES if box.isascii()))
                  .replace("DOMAINS", ", ".join(f'"{domain}"' for domain in cls.routes))
                  .replace("BACK", str(cls.daemon.port("mx", "none"))))
        return peers.World(cls.tree, cls.SCRIPT,
                           cls.files(**{"smtpd.conf": config}),
                           users={"opensmtpd": 20104, "opensmtpq": 20105, "box": 20106})

    def test_broken_tls_is_gone_round_where_it_may_be(self):
        """RFC 7435: better in the clear than not at all, unless the route says otherwise."""
        facts, _ = self.delivers("private.test", "opportunistic")
        self.assertNotIn("tls", facts)
        self.assertTrue(self.private.commands("STARTTLS"))
        number = submit(self.daemon, "bob@verified.test")
        event, = until(lambda: events(self.daemon, number, "deferred")[:1], "a first try")
        self.assertEqual("TLS handshake", event["facts"]["stage"])
        self.daemon.ctl("queue", "bounce", number)
        becomes(self.daemon, number, bob="bounced")
        self.assertFalse((self.peer.folder / "mail" / "verified.test").exists())

    def comes_back(self, to, final, status, **options):
        """RFC 6531 §3.5: what the next hop cannot take goes back."""
        number = submit(self.daemon, to, content=mail(**options), parameters=" SMTPUTF8 BODY=8BITMIME")
        becomes(self.daemon, number, **{to.split("@")[0]: "bounced"})
        self.assertRegex(self.notice(final), f"Status: {status}")

    def test_international_addresses_come_back(self):
        # Either is true: the "for" of our own Received field needs it too.
        self.comes_back("jörg@direct.test", "j=C3=B6rg@direct.test", r"5\.6\.7", subject="an address")

    def test_international_headers_come_back(self):
        self.comes_back("ann@private.test", "ann@private.test", r"5\.6\.9", subject="grüße")
