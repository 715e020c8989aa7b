"""Us to Exim: plain, TLS, logins, BDAT, DSN, SMTPUTF8, 20 MiB."""
from lib import peers
from out_case import BOXES, LOGIN, SECRET, OutCase, SmtpOut, TakesUtf8, TlsOut


class Exim(TakesUtf8, TlsOut, SmtpOut, OutCase):
    PACKAGES = ("exim4-daemon-light",)
    LOGINS = ("PLAIN", "LOGIN", "CRAM-MD5")
    LOGGED_IN = r" with esmtpa "
    ENVELOPE_ID = r"(?i)original-envelope-id: QQ\+2B42"  # it leaves it as it came
    CONFIG = """
primary_hostname = mx.away.test
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
exim_user = Debian-exim
never_users =
message_size_limit = 50M
accept_8bitmime = true
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
tls_advertise_hosts = ${if >={$received_port}{5870}{}{*}}
tls_certificate = /var/spool/exim4/cert.pem
tls_privatekey = /var/spool/exim4/key.pem
tls_on_connect_ports = 465
local_interfaces = 0.0.0.0
daemon_smtp_ports = 25 : 465 : 5870 : 5871 : 5872
smtp_accept_max = 0
acl_smtp_rcpt = rcpt
acl_smtp_mail = accept
acl_smtp_data = accept
keep_environment =
host_lookup =
domainlist here = DOMAINS
begin acl
rcpt:
  deny
    message = log in first
    condition = ${if >={$received_port}{5870}}
    !authenticated = *
  accept
    domains = +here
    verify = recipient
  deny
begin routers
box:
  driver = accept
  domains = +here
  local_parts = BOXES
  transport = box
back:
  driver = manualroute
  domains = gmail.test
  route_list = * 127.0.0.1
  self = send
  transport = back
begin transports
box:
  driver = appendfile
  maildir_format
  create_directory
  directory = /peer/mail/$domain_data/$local_part_data
  user = Debian-exim
back:
  driver = smtp
  port = BACK
  tls_verify_certificates =
  tls_try_verify_hosts =
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = ${if eq{$received_port}{5870}}
  server_condition = ${if and{{eq{$auth2}{LOGIN}}{eq{$auth3}{SECRET}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_advertise_condition = ${if eq{$received_port}{5871}}
  server_condition = ${if and{{eq{$auth1}{LOGIN}}{eq{$auth2}{SECRET}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_advertise_condition = ${if eq{$received_port}{5872}}
  server_secret = ${if eq{$auth1}{LOGIN}{SECRET}fail}
  server_set_id = $auth1
"""
    SCRIPT = r"""
mkdir -p /var/spool/exim4 /var/log/exim4 /etc/exim4 /peer/mail
cp /peer/*.pem /var/spool/exim4/
chown -R Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4 /peer/mail
cp /peer/exim4.conf /etc/exim4/exim4.conf
chmod 644 /etc/exim4/exim4.conf
touch /peer/log
tail -F /var/log/exim4/{main,panic,reject}log > /peer/log 2> /dev/null &
exim4 -bd -q1h
exec sleep infinity
"""

    @classmethod
    def peer_world(cls):
        config = cls.CONFIG
        for name, value in (("DOMAINS", " : ".join(cls.routes)), ("BOXES", " : ".join(BOXES)),
                            ("BACK", str(cls.daemon.port("mx", "none"))), ("{LOGIN}", f"{{{LOGIN}}}"),
                            ("SECRET", SECRET)):
            config = config.replace(name, value)
        return peers.World(cls.tree, cls.SCRIPT, cls.files(**{"exim4.conf": config}),
                           users={"Debian-exim": 20103})
