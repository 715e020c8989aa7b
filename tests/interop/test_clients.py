"""Mail clients of others hand us their mail: each login they know, both ways to TLS, DSN, SMTPUTF8, 20 MiB."""
import json
import smtplib
import ssl
import subprocess
import tempfile
from pathlib import Path

from lib import peers
from lib.daemon import DEADLINE, password_of
from lib.recorder import Recorder
from peer_case import BODY, JERRY, JOERG, TOEM, TOM, PeerCase, large_body, mail

PASSWORD = password_of(TOM)
TLS = ("starttls", "implicit")


def run(command, stdin=b""):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE * 3)


class ClientCase(PeerCase):
    def done(self, process):
        self.assertEqual(0, process.returncode, peers.text_of(process.stdout))

    def each_login(self, mechanisms, send):
        """send(tls, mechanism, subject): mail must arrive every time."""
        for mechanism in mechanisms:
            for tls in TLS:
                with self.subTest(mechanism=mechanism, tls=tls):
                    subject = f"{mechanism} {tls}"
                    self.done(send(tls, mechanism, subject))
                    self.arrived(subject, "ESMTPSA")

    def international(self, send):
        """send(port): from TOEM to JOERG, subject "utf8", on a port without TLS and login."""
        self.daemon.add_account(JOERG)
        with Recorder(self.port("none")) as recorder:
            self.done(send(recorder.port))
        self.assertIn(" SMTPUTF8", recorder.commands("MAIL")[0])
        self.assertIn(f"<{JOERG}>", recorder.commands("RCPT")[0])
        self.arrived("utf8", "UTF8SMTP", mailbox=JOERG)


class Swaks(ClientCase):
    def send(self, tls, mechanism, subject, body=BODY):
        with tempfile.NamedTemporaryFile() as file:
            # swaks reads lines with LF, doubles dots and ends the last line itself.
            file.write(mail(subject, body).replace(b"\r\n", b"\n").removesuffix(b"\n"))
            file.flush()
            return run(["swaks", "-n", "-s", f"127.0.0.1:{self.port(tls)}", "-a", mechanism, "-au", TOM,
                        "-ap", PASSWORD, "-f", TOM, "-t", JERRY, "--timeout", str(DEADLINE), "--hide-all",
                        {"starttls": "-tls", "implicit": "-tlsc"}[tls], "--data", f"@{file.name}"])

    def test_logins(self):
        self.each_login(("PLAIN", "LOGIN", "CRAM-MD5"), self.send)

    def test_20_mib(self):
        body = large_body()
        self.done(self.send("starttls", "PLAIN", "large", body))
        self.arrived("large", "ESMTPSA", body)


class Msmtp(ClientCase):
    TREE = ("msmtp",)

    def send(self, tls, mechanism, subject, body=BODY, options="", port=None, sender=TOM, to=JERRY):
        config = [f"host 127.0.0.1\nport {port or self.port(tls)}\nfrom {sender}\n"]
        if tls != "none":
            config.append(f"tls on\ntls_starttls {'on' if tls == 'starttls' else 'off'}\n"
                          f"tls_certcheck off\nauth {mechanism.lower()}\nuser {TOM}\n"
                          f"password \"{PASSWORD}\"\n")
        return peers.run_in(
            peers.debian(*self.TREE),
            f"chmod 600 /peer/rc; msmtp -d -C /peer/rc {options} -- {to} < /peer/mail",
            {"rc": "".join(config).encode(), "mail": mail(subject, body, sender, to)})

    def test_logins(self):
        self.each_login(("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"), self.send)

    def test_dsn(self):
        with Recorder(self.port("none")) as recorder:
            self.done(self.send("none", "", "dsn", port=recorder.port,
                                options="-N success,failure,delay -R full"))
        self.assertIn(" RET=FULL", recorder.commands("MAIL")[0])
        self.assertIn(" NOTIFY=SUCCESS,FAILURE,DELAY", recorder.commands("RCPT")[0].upper())
        self.arrived("dsn", "ESMTP")

    def test_international_addresses_need_the_word(self):
        """It does not know SMTPUTF8 and sends such addresses all the same: it is told, and nothing is taken."""
        done = self.send("none", "", "utf8", sender=TOEM)
        self.assertEqual(65, done.returncode)  # EX_DATAERR
        self.assertIn("550 5.6.7", peers.text_of(done.stdout))
        self.assertNotIn("utf8", [row["subject"] for row in self.daemon.mailbox(JERRY)])

    def test_20_mib(self):
        body = large_body()
        self.done(self.send("implicit", "PLAIN", "large", body))
        self.arrived("large", "ESMTPSA", body)


class Curl(ClientCase):
    def send(self, tls, mechanism, subject, body=BODY, port=None, sender=TOM, to=JERRY):
        scheme = "smtps" if tls == "implicit" else "smtp"
        with tempfile.NamedTemporaryFile() as file:
            file.write(mail(subject, body, sender, to))
            file.flush()
            command = ["curl", "-sS", "-v", "--max-time", str(DEADLINE * 2),
                       f"{scheme}://127.0.0.1:{port or self.port(tls)}/client.test", "--mail-from", sender,
                       "--mail-rcpt", to, "-T", file.name]
            if tls != "none":
                command += ["--ssl-reqd", "-k", "-u", f"{TOM}:{PASSWORD}", "--login-options",
                            f"AUTH={mechanism}"]
            return run(command)

    def test_logins(self):
        self.each_login(("PLAIN", "LOGIN", "CRAM-MD5"), self.send)

    def test_international_addresses(self):
        self.international(lambda port: self.send("none", "", "utf8", port=port, sender=TOEM, to=JOERG))

    def test_20_mib(self):
        body = large_body()
        self.done(self.send("starttls", "PLAIN", "large", body))
        self.arrived("large", "ESMTPSA", body)


class Smtplib(ClientCase):
    def client(self, tls):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port = self.port(tls)
        if tls == "implicit":
            return smtplib.SMTP_SSL("127.0.0.1", port, timeout=DEADLINE, context=context)
        client = smtplib.SMTP("127.0.0.1", port, timeout=DEADLINE)
        client.starttls(context=context)
        return client

    def test_logins(self):
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            for tls in TLS:
                with self.subTest(mechanism=mechanism, tls=tls), self.client(tls) as client:
                    client.ehlo()
                    client.user, client.password = TOM, PASSWORD
                    method = getattr(client, "auth_" + mechanism.lower().replace("-", "_"))
                    self.assertEqual(235, client.auth(mechanism, method)[0])
                    subject = f"{mechanism} {tls}"
                    self.assertEqual({}, client.sendmail(TOM, [JERRY], mail(subject)))
                    self.arrived(subject, "ESMTPSA")

    def test_dsn(self):
        with smtplib.SMTP("127.0.0.1", self.port("none"), timeout=DEADLINE) as client:
            client.sendmail(TOM, [JERRY], mail("dsn"), mail_options=["RET=HDRS", "ENVID=QQ+2B1"],
                            rcpt_options=["NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{JERRY}"])
        self.arrived("dsn", "ESMTP")

    def test_international_addresses(self):
        self.daemon.add_account(JOERG)
        with smtplib.SMTP("127.0.0.1", self.port("none"), timeout=DEADLINE) as client:
            client.sendmail(TOEM, [JOERG], mail("utf8", sender=TOEM, to=JOERG),
                            mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        self.arrived("utf8", "UTF8SMTP", mailbox=JOERG)

    def test_20_mib(self):
        body = large_body()
        with self.client("starttls") as client:
            client.login(TOM, PASSWORD)
            client.sendmail(TOM, [JERRY], mail("large", body))
        self.arrived("large", "ESMTPSA", body)


class SNail(ClientCase):
    TREE = ("s-nail",)

    def send(self, tls, mechanism, subject, body=BODY):
        scheme = "smtps" if tls == "implicit" else "smtp"
        config = (f"set v15-compat mta={scheme}://127.0.0.1:{self.port(tls)} from={TOM}\n"
                  f"set smtp-auth={mechanism.lower()} tls-verify=ignore sendwait nosave\n"
                  "set user=" + TOM + f" password='{PASSWORD}'\n"
                  + ("set smtp-use-starttls\n" if tls == "starttls" else ""))
        # It writes the header itself.
        return peers.run_in(
            peers.debian(*self.TREE),
            f'MAILRC=/peer/rc s-nail -:u -v -s "$(cat /peer/subject)" {JERRY} < /peer/body',
            {"rc": config.encode(), "subject": subject.encode(),
             "body": body.replace("\r\n", "\n").encode()})

    def test_logins(self):
        self.each_login(("PLAIN", "LOGIN", "CRAM-MD5"), self.send)

    def test_20_mib(self):
        body = large_body()
        self.done(self.send("implicit", "PLAIN", "large", body))
        self.arrived("large", "ESMTPSA", body)


NODE = r"""
const mailer = require("nodemailer"), fs = require("fs");
const job = JSON.parse(fs.readFileSync(0));
mailer.createTransport({host: "127.0.0.1", port: job.port, secure: job.tls === "implicit",
                        requireTLS: job.tls === "starttls", ignoreTLS: job.tls === "none",
                        tls: {rejectUnauthorized: false}, authMethod: job.mechanism,
                        auth: job.mechanism ? {user: job.user, pass: job.password} : undefined})
  .sendMail({envelope: {from: job.sender, to: [job.to], dsn: job.dsn}, dsn: job.dsn,
             raw: fs.readFileSync(job.file)})
  .then(info => console.log(info.response), error => { console.error(error); process.exit(1); });
"""


class Nodemailer(ClientCase):
    VERSION = "6.10.1"

    def send(self, tls, mechanism, subject, body=BODY, port=None, sender=TOM, to=JERRY, dsn=None):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "mail"
            file.write_bytes(mail(subject, body, sender, to))
            job = {"port": port or self.port(tls), "tls": tls, "mechanism": mechanism, "user": TOM,
                   "password": PASSWORD, "sender": sender, "to": to, "dsn": dsn, "file": str(file)}
            tree = peers.npm("nodemailer", self.VERSION)
            return subprocess.run(["node", "-e", NODE], input=json.dumps(job).encode(), cwd=tree,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE * 3)

    def test_logins(self):
        self.each_login(("PLAIN", "LOGIN", "CRAM-MD5"), self.send)

    def test_dsn(self):
        dsn = {"id": "QQ+1", "return": "headers", "notify": ["success", "failure"], "recipient": JERRY}
        with Recorder(self.port("none")) as recorder:
            self.done(self.send("none", "", "dsn", port=recorder.port, dsn=dsn))
        self.assertIn(" RET=HDRS ENVID=QQ+2B1", recorder.commands("MAIL")[0])
        self.assertIn(f" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{JERRY}", recorder.commands("RCPT")[0])
        self.arrived("dsn", "ESMTP")

    def test_international_addresses(self):
        self.international(lambda port: self.send("none", "", "utf8", port=port, sender=TOEM, to=JOERG))

    def test_20_mib(self):
        body = large_body()
        self.done(self.send("starttls", "PLAIN", "large", body))
        self.arrived("large", "ESMTPSA", body)
