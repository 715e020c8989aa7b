"""Debian's rspamd, clamd, opendkim, opendmarc, clamav-milter and rbldnsd, for tests: unpacked by lib/peers.py, run in
a world of their own, in the network namespace of a host, and gone with their block.

    with clamd(host) as scanner:
        scanner.socket            # where it listens; it does by now

All but rbldnsd listen on Unix sockets in a folder of the test, clamd on port 3310 of its host as well, and
ask the DNS at 127.0.0.1 of their host.
"""
import contextlib
import hashlib
import os
import signal
import socket
import time
from pathlib import Path

from lib.peers import World, debian, text_of

EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*")
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
START_LIMIT = 120  # seconds; rspamd compiles its regular expressions first


class Neighbour(World):
    def __init__(self, tree, script, host, files=None, users=None, name="peer.sock"):
        super().__init__(tree, script, files=files, users=users, prefix=host.wrapper)
        self.socket = self.folder / name

    def __enter__(self):
        until = time.monotonic() + START_LIMIT
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                words = text_of(self.output())
                self.__exit__()
                raise AssertionError(f"does not listen: {self.script}\n{words}")
            time.sleep(0.05)
        return self

    def answers(self):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.socket))
            return True
        return False

    def processes(self):
        found, new = [], [self.process.pid]
        while new:
            found += new
            children = []
            for pid in new:
                with contextlib.suppress(OSError):
                    for task in Path(f"/proc/{pid}/task").iterdir():
                        children += [int(word) for word in (task / "children").read_text().split()]
            new = children
        return found

    @contextlib.contextmanager
    def stopped(self):
        """It accepts connections, as the kernel does for it, and answers nothing."""
        processes = self.processes()[1:]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)


class DnsList(Neighbour):
    def answers(self):
        return b"started (" in self.output()


def rbldnsd(host, zone, listed):
    """A DNS list at port 53 of its host, which answers by the time it listens."""
    rows = [f"$SOA 2 ns.{zone} root.{zone} 1 600 60 86400 2", f"$NS 2 ns.{zone}", ":127.0.0.2:Listed",
            "127.0.0.2", *listed]
    script = f"""
exec rbldnsd -n -f -t 2 -b {host.address}/53 -w /peer -u rbldns {zone}:ip4set:rows
"""
    files = {"rows": ("\n".join(rows) + "\n").encode()}
    return DnsList(debian("rbldnsd"), script, host, files=files, users={"rbldns": 20103})


def rspamd(host):
    script = r"""
mkdir -p /run/rspamd /var/lib/rspamd /var/log/rspamd /etc/rspamd/local.d
cd /etc/rspamd/local.d
echo 'bind_socket = "/peer/peer.sock mode=0666"; count = 1;' >worker-normal.inc
for worker in controller proxy fuzzy; do echo 'enabled = false;' >worker-$worker.inc; done
echo 'type = "console"; level = "info";' >logging.inc
echo 'dns { nameserver = ["127.0.0.1"]; timeout = 1s; retransmits = 1; } enable_test_patterns = true;' >options.inc
exec rspamd -f -i -u root -g root
"""
    return Neighbour(debian("rspamd"), script, host, users={"_rspamd": 994})


def _clamav():
    return debian("clamav-daemon", "clamav-milter")


def clamd(host):
    config = """
LocalSocket /peer/peer.sock
LocalSocketMode 666
TCPSocket 3310
TCPAddr 127.0.0.1
DatabaseDirectory /tmp/db
Foreground yes
StreamMaxLength 20M
TemporaryDirectory /tmp
User root
"""
    signature = f"{hashlib.md5(EICAR.encode()).hexdigest()}:{len(EICAR)}:Eicar-Test-Signature\n"
    return Neighbour(_clamav(), "mkdir /tmp/db; cp /peer/test.hdb /tmp/db; exec clamd -c /peer/clamd.conf",
                     host, files={"clamd.conf": config.encode(), "test.hdb": signature.encode()})


def clamav_milter(host, infected="Reject"):
    """It scans with the clamd of the same host. `infected`: Reject, Defer, Quarantine or Blackhole."""
    config = f"""
MilterSocket /peer/peer.sock
MilterSocketMode 666
ClamdSocket tcp:127.0.0.1:3310
Foreground yes
OnInfected {infected}
RejectMsg Infected by %v
AddHeader Add
User root
TemporaryDirectory /tmp
"""
    return Neighbour(_clamav(), "exec clamav-milter -c /peer/milter.conf", host,
                     files={"milter.conf": config.encode()})


def opendkim(host, domain, key, selector="one"):
    """Signs what comes after login, verifies the rest."""
    config = f"""
Syslog no
Socket local:/peer/peer.sock
UMask 000
Mode sv
Domain {domain}
Selector {selector}
KeyFile /peer/key.pem
RequireSafeKeys no
InternalHosts /peer/internal
AuthservID opendkim.{domain}
AlwaysAddARHeader yes
ResolverConfiguration /peer/unbound.conf
Canonicalization relaxed/simple
"""
    # libunbound knows better than to ask others about .test, or to ask 127.0.0.1.
    resolver = """
server:
  do-not-query-localhost: no
  local-zone: "test." nodefault
forward-zone:
  name: "."
  forward-addr: 127.0.0.1
"""
    return Neighbour(debian("opendkim", "opendkim-tools"), "exec opendkim -f -x /peer/opendkim.conf", host,
                     files={"opendkim.conf": config.encode(), "key.pem": key,
                            "unbound.conf": resolver.encode(),
                            "internal": b"203.0.113.1\n"})


def opendmarc(host, domain):
    config = f"""
Syslog no
Socket local:/peer/peer.sock
UMask 000
AuthservID opendmarc.{domain}
TrustedAuthservIDs opendkim.{domain}
RejectFailures yes
IgnoreHosts /peer/ignored
"""
    return Neighbour(debian("opendmarc"), "exec opendmarc -f -c /peer/opendmarc.conf", host,
                     files={"opendmarc.conf": config.encode(), "ignored": b"203.0.113.1\n"})
