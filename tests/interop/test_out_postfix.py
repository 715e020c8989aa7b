"""Us to Postfix: plain, TLS, logins, BDAT, DSN, SMTPUTF8, 20 MiB, 8 bits where they are taken and where not."""
from lib import peers
from out_case import BOXES, LOGIN, SECRET, OutCase, SmtpOut, TakesUtf8, TlsOut
from sending import becomes, submit


class Postfix(TakesUtf8, TlsOut, SmtpOut, OutCase):
    PACKAGES = ("postfix", "libsasl2-modules", "sasl2-bin")
    LOGINS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256")
    LOGGED_IN = rf"\(Authenticated sender: {LOGIN}(@mx\.away\.test)?\)"
    MORE_ROUTES = {"seven.test": "smtp://127.0.0.1:2525"}
    SCRIPT = r"""
mkdir -p /peer/mail /var/lib/postfix /var/spool/postfix/pid /etc/postfix/sasl
chown 20106:20106 /peer/mail
chmod 711 /peer
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /peer/main.cf /etc/postfix/main.cf
cp /peer/boxes /etc/postfix/boxes
printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\n' \
  > /etc/postfix/sasl/smtpd.conf
printf 'SECRET' | saslpasswd2 -p -c -u mx.away.test LOGIN
chown postfix /etc/sasldb2
cd /var/spool/postfix
mkdir -m 700 active bounce corrupt defer deferred flush hold incoming private saved trace
mkdir -m 1730 maildrop
mkdir -m 710 public
chown postfix /var/lib/postfix active bounce corrupt defer deferred flush hold incoming private saved trace
chown postfix:postdrop maildrop public
postconf -F '*/*/chroot=n'
listen() {
  postconf -M "$1/inet=$1 inet n - n - - smtpd"
  for option in "${@:2}"; do postconf -P "$1/inet/$option"; done
}
postconf -MX smtp/inet
listen 25
listen 465 smtpd_tls_wrappermode=yes
listen 2525 smtpd_discard_ehlo_keywords=8bitmime,smtputf8,chunking
port=5870
for mechanism in MECHANISMS; do
  listen $port smtpd_sasl_auth_enable=yes smtpd_sasl_mechanism_filter=$mechanism \
    smtpd_relay_restrictions=permit_sasl_authenticated,reject \
    smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  port=$((port + 1))
done
touch /peer/log
tail -F /var/log/postfix.log > /peer/log 2> /dev/null &
/usr/lib/postfix/sbin/master -w
exec sleep infinity
"""

    @classmethod
    def peer_world(cls):
        back = cls.daemon.port("mx", "none")
        config = ["compatibility_level = 3.6", "myhostname = mx.away.test", "mydestination =",
                  "inet_interfaces = all", "inet_protocols = ipv4", "mynetworks = 127.0.0.0/8",
                  "maillog_file = /var/log/postfix.log", "smtputf8_enable = yes", "biff = no",
                  "message_size_limit = 50000000", "mailbox_size_limit = 0", "virtual_mailbox_limit = 0",
                  f"virtual_mailbox_domains = {' '.join(cls.routes)}", "virtual_mailbox_base = /peer/mail",
                  "virtual_mailbox_maps = texthash:/etc/postfix/boxes",
                  "virtual_uid_maps = static:20106", "virtual_gid_maps = static:20106",
                  "smtpd_tls_security_level = may", "smtpd_tls_cert_file = /peer/cert.pem",
                  "smtpd_tls_key_file = /peer/key.pem", "alias_maps =", "alias_database =",
                  "smtp_host_lookup = native", "smtp_dns_support_level = disabled",
                  "smtpd_sasl_local_domain = mx.away.test", "smtpd_sasl_authenticated_header = yes",
                  "smtpd_relay_restrictions = permit_mynetworks, reject", f"relayhost = [127.0.0.1]:{back}"]
        boxes = "".join(f"{box}@{domain} {domain}/{box}/\n" for domain in cls.routes for box in BOXES)
        script = (cls.SCRIPT.replace("SECRET", SECRET)
                  .replace("mx.away.test LOGIN", f"mx.away.test {LOGIN}")
                  .replace("MECHANISMS", " ".join(cls.LOGINS)))
        return peers.World(cls.tree, script,
                           cls.files(**{"main.cf": "\n".join(config) + "\n", "boxes": boxes}),
                           users={"postfix": 20101, "postdrop": 20102, "box": 20106})

    def test_eight_bits_are_not_forced_on_one_who_takes_seven(self):
        """RFC 6152 §3: bounced, never rewritten; seven bits go."""
        self.delivers("seven.test", "seven bits")
        number = submit(self.daemon, "bob@seven.test", parameters=" BODY=8BITMIME",
                        content="Subject: eight\r\n\r\ngrüße\r\n")
        becomes(self.daemon, number, bob="bounced")
        self.assertIn("Status: 5.6.3", self.notice("bob@seven.test"))
        self.assertEqual(1, len(list((self.peer.folder / "mail/seven.test/bob/new").iterdir())))
