"""Us to Dovecot by LMTP, over TCP and a Unix socket: each recipient has its own answer (RFC 2033 §4.2)."""
from lib import peers
from out_case import BODY, OutCase
from peer_case import large_body, mail
from sending import becomes, submit


class Dovecot(OutCase):
    PACKAGES = ("dovecot-core", "dovecot-lmtpd")
    PORT = 24
    FULL = 100_000  # octets that the mailbox of "full" may hold, and a tenth more by grace
    SCRIPT = r"""
mkdir -p /run/dovecot /peer/mail
chown 20106:20106 /peer/mail
chmod 644 /peer/users /peer/dovecot.conf
exec dovecot -F -c /peer/dovecot.conf
"""
    CONFIG = """
protocols = lmtp
listen = 127.0.0.1
base_dir = /run/dovecot
log_path = /peer/log
ssl = no
mail_plugins = quota
mail_location = maildir:/peer/mail/%d/%n
first_valid_uid = 1000
passdb {
  driver = passwd-file
  args = /peer/users
}
userdb {
  driver = passwd-file
  args = /peer/users
}
plugin {
  quota = maildir:quota
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = 24
  }
  unix_listener /peer/lmtp {
    mode = 0666
  }
}
"""

    @classmethod
    def make_routes(cls, password):
        # The socket is in the folder of the peer, which is not there yet: a link leads to it.
        return {"port.test": f"lmtp://127.0.0.1:{cls.PORT}", "socket.test": f"lmtp:{cls.folder}/lmtp"}

    @classmethod
    def peer_world(cls):
        users = "".join(f"{box}@{domain}:{{PLAIN}}x:20106:20106::/peer/mail::{more}\n"
                        for domain in cls.routes
                        for box, more in (("bob", ""), ("ann", ""),
                                          ("full", f"userdb_quota_rule=*:bytes={cls.FULL}")))
        world = peers.World(cls.tree, cls.SCRIPT, cls.files(**{"dovecot.conf": cls.CONFIG, "users": users}),
                            users={"dovecot": 20107, "dovenull": 20108, "box": 20106})
        link = cls.folder / "lmtp"
        link.unlink(missing_ok=True)
        link.symlink_to(world.folder / "lmtp")
        return world

    def test_whole(self):
        for domain in self.routes:
            with self.subTest(domain):
                _, before = self.delivers(domain, f"whole by {domain}")
                self.assertRegex(before, r"Received: from mx\.yahoo\.test .* by mx\.\S+|with LMTP")

    def test_20_mib(self):
        self.delivers("socket.test", "large", large_body())

    def test_each_recipient_has_its_own_answer(self):
        for domain in self.routes:
            with self.subTest(domain):
                content = mail(f"three by {domain}", BODY * (2 * self.FULL // len(BODY)), to=f"bob@{domain}")
                number = submit(self.daemon, [f"{name}@{domain}" for name in ("bob", "full", "nobody", "ann")],
                                content=content)
                with self.explained():
                    becomes(self.daemon, number, bob="delivered", full="bounced", nobody="bounced",
                            ann="delivered")
                self.arrived(f"bob@{domain}", content)
                self.arrived(f"ann@{domain}", content)
                for name, status in (("full", "5.2.2"), ("nobody", "5.1.1")):
                    self.assertRegex(self.notice(f"{name}@{domain}"),
                                     rf"Final-Recipient: rfc822; ?{name}@{domain}\r\n(?:\S.*\r\n)*Status: {status}")
