"""Mail servers of others relay their mail to us: Postfix, Exim and OpenSMTPD, by submission with each login
they know and without login; DSN, SMTPUTF8, BDAT, 20 MiB."""
from lib import peers
from lib.daemon import password_of
from lib.middlebox import Middlebox
from lib.recorder import Recorder
from peer_case import BODY, JERRY, JOERG, TOEM, TOM, PeerCase, large_body, mail

PASSWORD = password_of(TOM)
TLS = ("starttls", "implicit")


class ServerCase(PeerCase):
    """`send` of each class starts the server in a world of its own, gives it one mail and waits until its
    queue is empty."""

    def done(self, process):
        self.assertEqual(0, process.returncode, peers.text_of(process.stdout))

    def check_logins(self, mechanisms):
        for mechanism in mechanisms:
            for tls in TLS:
                with self.subTest(mechanism=mechanism, tls=tls):
                    subject = f"{mechanism} {tls}"
                    self.done(self.send(subject, self.port(tls), tls, mechanism))
                    self.arrived(subject, "ESMTPSA")

    def check_without_login(self):
        self.done(self.send("relayed", self.port("none")))
        self.arrived("relayed", "ESMTP")
        self.done(self.send("to the MX", self.daemon.port("mx"), "starttls"))
        self.arrived("to the MX", "ESMTPS")

    def check_large(self):
        body = large_body()
        self.done(self.send("large", self.port("starttls"), "starttls", "PLAIN", body=body))
        self.arrived("large", "ESMTPSA", body)

    def check_international_addresses(self):
        self.daemon.add_account(JOERG)
        with Recorder(self.port("none")) as recorder:
            self.done(self.send("utf8", recorder.port, sender=TOEM, to=JOERG))
        self.assertIn(" SMTPUTF8", recorder.commands("MAIL")[0])
        self.arrived("utf8", "UTF8SMTP", mailbox=JOERG)


class Postfix(ServerCase):
    SCRIPT = r"""
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /peer/main.cf /etc/postfix/main.cf
# `postfix start` would do this and wait for a log that is not there yet.
mkdir -p /var/lib/postfix /var/spool/postfix/pid
cd /var/spool/postfix
mkdir -m 700 active bounce corrupt defer deferred flush hold incoming private saved trace
mkdir -m 1730 maildrop
mkdir -m 710 public
chown postfix /var/lib/postfix active bounce corrupt defer deferred flush hold incoming private saved trace
chown postfix:postdrop maildrop public
postconf -F '*/*/chroot=n'
/usr/lib/postfix/sbin/master -w
deliver_one() { sendmail $OPTIONS -f "$SENDER" -- "$TO" < /peer/mail; }
deliver_one
until postqueue -j > /tmp/queue; [ ! -s /tmp/queue ] && [ -z "$(ls maildrop)" ]; do
  if grep -q '"delay_reason"' /tmp/queue; then cat /tmp/queue /var/log/postfix.log; exit 1; fi
  sleep 0.05
done
cat /var/log/postfix.log
! grep -E 'status=(bounced|deferred)|fatal|panic' /var/log/postfix.log
"""

    def send(self, subject, port, tls="none", mechanism="", body=BODY, sender=TOM, to=JERRY, options=""):
        config = ["compatibility_level = 3.6", "myhostname = mx.gmail.test", "mydestination =",
                  "inet_interfaces = loopback-only", "inet_protocols = ipv4", "mynetworks = 127.0.0.0/8",
                  f"relayhost = [127.0.0.1]:{port}", "maillog_file = /var/log/postfix.log",
                  "smtputf8_enable = yes", "message_size_limit = 50000000", "mailbox_size_limit = 0",
                  "master_service_disable = inet", "biff = no", "alias_maps =", "alias_database =",
                  "smtp_host_lookup = native", "smtp_dns_support_level = disabled"]
        if tls != "none":
            config += ["smtp_tls_security_level = encrypt",
                       f"smtp_tls_wrappermode = {'yes' if tls == 'implicit' else 'no'}"]
        if mechanism:
            config += ["smtp_sasl_auth_enable = yes", "smtp_sasl_security_options = noanonymous",
                       f"smtp_sasl_mechanism_filter = {mechanism.lower()}",
                       f"smtp_sasl_password_maps = static:{{{TOM}:{PASSWORD}}}"]
        script = f"SENDER='{sender}' TO='{to}' OPTIONS='{options}'\n{self.SCRIPT}"
        return peers.run_in(
            peers.debian("postfix", "libsasl2-modules"), script,
            {"main.cf": ("\n".join(config) + "\n").encode(),
             "mail": mail(subject, body, sender, to).replace(b"\r\n", b"\n")},
            users={"postfix": 20101, "postdrop": 20102})

    def test_logins(self):
        self.check_logins(("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"))

    def test_without_login(self):
        self.check_without_login()

    def test_dsn(self):
        with Recorder(self.port("none")) as recorder:
            self.done(self.send("dsn", recorder.port, options="-N success,failure,delay -V QQ+1 -R hdrs"))
        self.assertIn(" ENVID=QQ+2B1 RET=HDRS", recorder.commands("MAIL")[0])
        self.assertIn(f" ORCPT=rfc822;{JERRY} NOTIFY=SUCCESS,FAILURE,DELAY", recorder.commands("RCPT")[0])
        self.arrived("dsn", "ESMTP")

    def test_international_addresses(self):
        self.check_international_addresses()

    def test_20_mib(self):
        self.check_large()


class Exim(ServerCase):
    CONFIG = """
primary_hostname = mx.gmail.test
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
never_users =
trusted_users = root
message_size_limit = 50M
qualify_domain = gmail.test
accept_8bitmime = true
smtputf8_advertise_hosts = : *
dsn_advertise_hosts = : *
acl_smtp_rcpt = accept
acl_smtp_mail = accept
acl_smtp_data = accept
add_environment = PATH=/usr/sbin:/usr/bin
keep_environment =
begin routers
next:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = PORT
  hosts_require_tls = HOSTS_TLS
  hosts_require_auth = HOSTS_AUTH
  protocol = PROTOCOL
  tls_verify_certificates =
  tls_verify_hosts =
  tls_try_verify_hosts =
  dnssec_request_domains =
  hosts_try_dane =
begin authenticators
"""
    AUTHENTICATORS = {
        "PLAIN": f"plain:\n  driver = plaintext\n  public_name = PLAIN\n  client_send = ^{TOM}^{PASSWORD}\n",
        "LOGIN": f"login:\n  driver = plaintext\n  public_name = LOGIN\n"
                 f"  client_send = : {TOM} : {PASSWORD}\n",
        "CRAM-MD5": f"cram:\n  driver = cram_md5\n  public_name = CRAM-MD5\n  client_name = {TOM}\n"
                    f"  client_secret = {PASSWORD}\n",
    }
    SCRIPT = r"""
mkdir -p /var/spool/exim4 /var/log/exim4 /etc/exim4
chown Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4
cp /peer/exim4.conf /etc/exim4/exim4.conf
chmod 644 /etc/exim4/exim4.conf
DELIVER
cat /var/log/exim4/mainlog
[ "$(exim4 -bpc)" = 0 ]
grep -q 'Completed' /var/log/exim4/mainlog
"""

    def send(self, subject, port, tls="none", mechanism="", body=BODY, sender=TOM, to=JERRY, deliver=None):
        config = self.CONFIG + self.AUTHENTICATORS.get(mechanism, "")
        for name, value in (("PORT", port), ("HOSTS_TLS", "*" if tls != "none" else ""),
                            ("HOSTS_AUTH", "*" if mechanism else ""),
                            ("PROTOCOL", "smtps" if tls == "implicit" else "smtp")):
            config = config.replace(name, str(value))
        deliver = deliver or f"exim4 -odf -oi -f '{sender}' -- '{to}' < /peer/mail"
        return peers.run_in(
            peers.debian("exim4-daemon-light"), self.SCRIPT.replace("DELIVER", deliver),
            {"exim4.conf": config.encode(), "mail": mail(subject, body, sender, to).replace(b"\r\n", b"\n")},
            users={"Debian-exim": 20103})

    def speak(self, subject, port, mail_command, rcpt_command, **options):
        """By SMTP on standard input: the only way to give it ESMTP parameters without a network."""
        talk = f"EHLO me\nMAIL FROM:{mail_command}\nRCPT TO:{rcpt_command}\nDATA\n"
        deliver = (f"(printf '%s' '{talk}'; sed 's/^\\./../' /peer/mail; printf '.\\nQUIT\\n') > /tmp/talk\n"
                   "exim4 -odf -bs < /tmp/talk")
        return self.send(subject, port, deliver=deliver, **options)

    def test_logins(self):
        self.check_logins(("PLAIN", "LOGIN", "CRAM-MD5"))  # Debian builds it, heavy too, without GNU SASL

    def test_without_login(self):
        self.check_without_login()

    def test_chunks(self):
        with Recorder(self.port("none")) as recorder:
            self.done(self.send("chunks", recorder.port))
        self.assertEqual([], recorder.commands("DATA"))
        self.assertRegex(recorder.commands("BDAT")[-1], r"^BDAT \d+ LAST$")
        self.arrived("chunks", "ESMTP")

    def test_dsn(self):
        with Recorder(self.port("none")) as recorder:
            self.done(self.speak("dsn", recorder.port, f"<{TOM}> RET=HDRS ENVID=QQ+2B1",
                                 f"<{JERRY}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;{JERRY}"))
        self.assertIn(" RET=HDRS ENVID=QQ+2B1", recorder.commands("MAIL")[0])
        self.assertRegex(recorder.commands("RCPT")[0], rf" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;{JERRY}")
        self.arrived("dsn", "ESMTP")

    def test_international_addresses(self):
        self.daemon.add_account(JOERG)
        with Recorder(self.port("none")) as recorder:
            self.done(self.speak("utf8", recorder.port, f"<{TOEM}> SMTPUTF8", f"<{JOERG}>",
                                 sender=TOEM, to=JOERG))
        self.assertIn(" SMTPUTF8", recorder.commands("MAIL")[0])
        self.arrived("utf8", "UTF8SMTP", mailbox=JOERG)

    def test_20_mib(self):
        self.check_large()


class OpenSmtpd(ServerCase):
    SCRIPT = r"""
mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty /etc/opensmtpd-test
chmod 711 /var/spool/smtpd
mkdir -p -m 700 /var/spool/smtpd/{corrupt,incoming,purge,queue,temporary}
mkdir -p -m 770 /var/spool/smtpd/offline
chown opensmtpq /var/spool/smtpd/{corrupt,incoming,purge,queue,temporary}
chown root:opensmtpq /var/spool/smtpd/offline /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
printf 'next TOM:PASSWORD\n' > /etc/opensmtpd-test/secrets
chmod 600 /etc/opensmtpd-test/secrets
chmod 644 /peer/smtpd.conf
smtpd -d -v -f /peer/smtpd.conf > /tmp/log 2>&1 &
until [ -S /run/smtpd.sock ]; do sleep 0.05; kill -0 $! || { cat /tmp/log; exit 1; }; done
smtpctl show status > /dev/null
/usr/sbin/sendmail OPTIONS -f 'SENDER' 'TO' < /peer/mail
until [ -z "$(smtpctl show queue)" ] && [ -z "$(ls /var/spool/smtpd/offline)" ]; do
  if grep -qE 'result="?(TempFail|PermFail)' /tmp/log; then cat /tmp/log; exit 1; fi
  sleep 0.05
done
cat /tmp/log
grep -qE 'result="?Ok' /tmp/log
"""

    def send(self, subject, port, tls="none", mechanism="", body=BODY, sender=TOM, to=JERRY, options=""):
        scheme = {"none": "smtp+notls", "starttls": "smtp+tls", "implicit": "smtps"}[tls]
        login = "next@" if mechanism else ""
        config = (f"table secrets file:/etc/opensmtpd-test/secrets\n"
                  "smtp max-message-size 50M\n"
                  "listen on socket\n"
                  f"action next relay host {scheme}://{login}127.0.0.1:{port} helo mx.gmail.test"
                  + (" auth <secrets>" if login else "") + (" tls no-verify" if tls != "none" else "")
                  + "\nmatch from any for any action next\n")
        script = (self.SCRIPT.replace("TOM:PASSWORD", f"{TOM}:{PASSWORD}").replace("OPTIONS", options)
                  .replace("SENDER", sender).replace("'TO'", f"'{to}'"))
        return peers.run_in(
            peers.debian("opensmtpd"), script,
            {"smtpd.conf": config.encode(), "mail": mail(subject, body, sender, to).replace(b"\r\n", b"\n")},
            users={"opensmtpd": 20104, "opensmtpq": 20105})

    def test_login(self):
        self.check_logins(("PLAIN",))  # which it takes wherever it is offered
        with Middlebox(self.port("implicit"), offer="LOGIN") as box:
            self.done(self.send("LOGIN", box.port, "implicit", "LOGIN"))
        self.assertEqual(["AUTH LOGIN"], box.commands("AUTH"))
        self.arrived("LOGIN", "ESMTPSA")

    def test_without_login(self):
        self.check_without_login()

    def test_dsn(self):
        with Recorder(self.port("none")) as recorder:
            self.done(self.send("dsn", recorder.port, options="-N success,failure -R hdrs -V QQ1"))
        self.assertIn(" RET=HDRS", recorder.commands("MAIL")[0])
        self.assertIn(" NOTIFY=SUCCESS,FAILURE", recorder.commands("RCPT")[0])
        self.arrived("dsn", "ESMTP")

    def test_20_mib(self):
        self.check_large()
