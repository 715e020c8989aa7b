"""A mailwright daemon for one test: its own folder, ports chosen by the kernel, gone afterwards.

    with Daemon(accounts=["jerry@yahoo.test"]) as daemon:
        smtp = daemon.connect("mx")
        daemon.ctl("mailbox", "list", "jerry@yahoo.test", "--json")

What was learnt about the program's surface (events of the log, options of the commands) is in this
file and in no test: a changed word is changed here once.
"""
import fcntl
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from lib.smtp import Smtp

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("MAILWRIGHT_TREE", "release")
BINARY = Path(os.environ.get("MAILWRIGHT_BIN", ROOT / "build" / TREE / "bin" / "mailwright"))
SLOW = TREE != "release"  # sanitizers take their time
DEADLINE = 60 if SLOW else 20

# By default no listener has a fixed port, and a client on loopback is not rate-limited.
LISTENERS = (("mx", "starttls"), ("submission", "starttls"), ("submission", "implicit"),
             ("relay", "starttls"))


def certificate():
    """A self-signed certificate and its key, made once per tree."""
    folder = ROOT / "build" / "test-tls"
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = folder / "cert.pem", folder / "key.pem"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cert.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "3650", "-subj", "/CN=mx.yahoo.test", "-addext",
                 "subjectAltName=DNS:mx.yahoo.test,IP:127.0.0.1", "-keyout", str(key), "-out",
                 str(cert)], check=True, capture_output=True)
            key.chmod(0o600)
    return cert, key


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # a JSON string or list of strings is TOML too


class CommandFailed(AssertionError):
    pass


class Daemon:
    def __init__(self, domains=("yahoo.test", "gmail.test"), accounts=(), listeners=LISTENERS,
                 routes=None, networks=("127.0.0.0/8",), extra="", listener_extra="", wrapper=(),
                 folder=None, environment=None, hostname="mx.yahoo.test", address="127.0.0.1:0", test_clock=False):
        self.own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="mailwright-test-"))
        self.state = self.folder / "state"
        self.config = self.folder / "mailwright.toml"
        self.domains, self.accounts = domains, accounts
        self.hostname, self.address = hostname, address
        self.listeners, self.routes, self.networks = listeners, routes, networks
        self.extra, self.listener_extra, self.wrapper = extra, listener_extra, list(wrapper)
        self.environment = {**os.environ, **(environment or {})}
        self.binary, self.clock = BINARY, None
        if test_clock:
            self.binary = BINARY.with_name("mailwright_test_clock")
            self.clock = self.folder / "clock"
            self.clock.write_bytes(bytes(16))
            self.environment["MAILWRIGHT_TEST_CLOCK"] = str(self.clock)
        self.process = None
        self.log = []      # parsed lines of the log, in order, of all starts
        self.raw_log = []  # every line as it came
        self.ports = {}    # (role, tls) -> [port]
        self._news = threading.Condition()
        self._reader = None

    # --- configuration ---------------------------------------------------------------------------
    def write_config(self, text=None):
        if text is None:
            cert, key = certificate()
            lines = [f"hostname = {toml(self.hostname)}", f"state = {toml(str(self.state))}"]
            for role, tls in self.listeners:
                lines += ["[[listener]]", f"address = {toml(self.address)}", f"role = {toml(role)}",
                          f"tls = {toml(tls)}"]
                if tls == "none" and role != "mx":
                    lines.append("insecure_auth = true")
                if self.listener_extra:
                    lines.append(self.listener_extra)
            lines += ["[tls]", f"certificate = {toml(str(cert))}", f"key = {toml(str(key))}"]
            lines += ["[relay]", f"networks = {toml(list(self.networks))}"]
            # What tests do not route on purpose stays here: nothing asks the world's DNS.
            lines.append("[routes]")
            lines += [f"{toml(domain)} = {toml(to)}"
                      for domain, to in {"*": "hold", **(self.routes or {})}.items()]
            text = "\n".join(lines) + "\n" + self.extra + "\n"
        self.config.write_text(text)

    # --- life ------------------------------------------------------------------------------------
    def start(self, expect_ready=True):
        """Returns when every listener answers; with expect_ready=False, when the program ended."""
        if not self.config.exists():
            self.write_config()
        self.ports = {}
        begin = len(self.log)
        self.process = subprocess.Popen(
            [*self.wrapper, str(self.binary), "serve", "--config", str(self.config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=self.environment, text=True, errors="surrogateescape")
        self._reader = threading.Thread(target=self._read_log, args=(self.process,), daemon=True)
        self._reader.start()
        if not expect_ready:
            status = self.process.wait(DEADLINE)
            self._reader.join(DEADLINE)
            self.process = None
            return status
        self.wait_for("serve.ready", since=begin)
        for line in self.log[begin:]:
            if line.get("event") == "serve.listening":
                key = (line["role"], line["tls"])
                self.ports.setdefault(key, []).append(int(line["address"].rsplit(":", 1)[1]))
        return self

    def _read_log(self, process):
        for text in process.stderr:
            try:
                line = json.loads(text)
            except ValueError:
                line = {}
            with self._news:
                self.raw_log.append(text.rstrip("\n"))
                if isinstance(line, dict) and line:
                    self.log.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, event, since=0, where=lambda line: True, timeout=None):
        """The first log line with this event; fails with the end of the log, never hangs."""
        until = time.monotonic() + (timeout or DEADLINE)
        with self._news:
            while True:
                for line in self.log[since:]:
                    if line.get("event") == event and where(line):
                        return line
                dead = self.process is None or (self.process.poll() is not None
                                                and not self._reader.is_alive())
                if dead or time.monotonic() > until:
                    tail = "\n".join(self.raw_log[-15:])
                    why = f"daemon ended ({self.process and self.process.returncode})" if dead \
                        else "deadline"
                    raise AssertionError(f"no {event!r} in the log: {why}\n{tail}")
                self._news.wait(0.2)

    def setup(self):
        """The domains and accounts of the constructor; the password is `password_of(address)`."""
        for domain in self.domains:
            self.ctl("domain", "add", domain)
        for address in self.accounts:
            self.add_account(address)
        return self

    def add_account(self, address, *options):
        return self.ctl("account", "add", address, "--password-stdin", *options,
                        stdin=password_of(address) + "\n")

    def stop(self):
        """SIGTERM, and it must end in order; returns the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is not None:
            status = self._ended()
            tail = "\n".join(self.raw_log[-15:])
            raise AssertionError(f"the daemon ended by itself, with status {status}\n{tail}")
        self.signal(signal.SIGTERM)
        return self._ended()

    def kill(self):
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self._ended()

    def signal(self, number):
        """To the daemon itself, also where a wrapper such as strace started it."""
        pid = self.process.pid
        if self.wrapper:
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                pid = int(children[0]) if children else pid
            except OSError:
                pass
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def _ended(self):
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait(DEADLINE)
            raise AssertionError("the daemon did not end within its deadline after SIGTERM")
        finally:
            self._reader.join(DEADLINE)
            self.process.stderr.close()
            self.process = None
        return status

    def restart(self):
        self.stop()
        return self.start()

    def __enter__(self):
        try:
            self.start()
            return self.setup()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *exception):
        try:
            status = self.stop()
            if exception[0] is None and status not in (0, None):
                tail = "\n".join(self.raw_log[-25:])
                raise AssertionError(f"the daemon ended with status {status}\n{tail}")
        finally:
            self.remove()

    def remove(self):
        self.kill()
        if self.own_folder and not os.environ.get("MAILWRIGHT_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- time, with test_clock=True --------------------------------------------------------------
    def advance(self, seconds):
        """All time of the daemon runs ahead by so much more, at once; it looks every second of ours."""
        self._shift(0, seconds)

    def jump_wall(self, seconds):
        """Only wall time jumps, also back, as when an administrator sets it."""
        self._shift(8, seconds)

    def _shift(self, at, seconds):
        with open(self.clock, "r+b") as clock:
            before, = struct.unpack("=q", os.pread(clock.fileno(), 8, at))
            os.pwrite(clock.fileno(), struct.pack("=q", before + round(seconds * 1000)), at)

    # --- commands and clients --------------------------------------------------------------------
    def run(self, *arguments, stdin=None, config=True, binary=False):
        """One command of the program; never fails, gives back status and output."""
        command = [str(self.binary), *arguments]
        if config:
            command += ["--config", str(self.config)]
        if stdin is None:
            stdin = b"" if binary else ""
        return subprocess.run(command, input=stdin, capture_output=True, timeout=DEADLINE * 2,
                              env=self.environment, text=not binary)

    def ctl(self, *arguments, stdin=None):
        """Its standard output; fails unless the exit status is 0."""
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise CommandFailed(f"mailwright {' '.join(arguments)}: status {done.returncode}\n"
                                f"{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return parse_json(self.ctl(*arguments, "--json"))

    def raw(self, *arguments):
        done = self.run(*arguments, "--raw", binary=True)
        if done.returncode != 0:
            raise CommandFailed(f"mailwright {' '.join(arguments)}: {done.stderr!r}")
        return done.stdout

    def mailbox(self, address):
        return self.json("mailbox", "list", address)

    def mail(self, address, uid):
        return self.raw("mailbox", "show", address, str(uid))

    def events(self):
        return list(self.each_event())

    def each_event(self):
        """One by one, for after a long test there are millions; each is a line of the array."""
        with tempfile.TemporaryFile() as trouble:
            process = subprocess.Popen(
                [str(self.binary), "message", "events", "--json", "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=trouble, env=self.environment, text=True)
            with process:
                rows = (line.strip(" ,[]\n") for line in process.stdout)
                yield from (json.loads(row) for row in rows if row)
            if process.returncode != 0:
                trouble.seek(0)
                raise CommandFailed(f"mailwright message events: status {process.returncode}\n{trouble.read()!r}")

    def port(self, role, tls="starttls"):
        return self.ports[(role, tls)][0]

    def connect(self, role="mx", tls="starttls", **options):
        """A client that has read the greeting; under TLS already where the listener is implicit."""
        return Smtp(self.port(role, tls), implicit=tls == "implicit", timeout=DEADLINE, **options)

    def login(self, address, role="submission", tls="starttls"):
        smtp = self.connect(role, tls)
        smtp.ehlo()
        if tls == "starttls":
            smtp.starttls()
            smtp.ehlo()
        smtp.auth_plain(address, password_of(address))
        return smtp


def password_of(address):
    return f"secret of {address}"


def parse_json(text):
    """An array, an object, or one object per line."""
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
