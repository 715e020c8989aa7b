"""Hosts of a private internet: network namespaces on one switch, gone when their process is.

    with Network("dns", "gmail", "yahoo") as net:
        net["gmail"].run(["ip", "addr"])
        Daemon(wrapper=net["gmail"].wrapper, ...)
        with net["gmail"].inside():           # this thread only
            connection = socket.create_connection((net["yahoo"].address, 25))

Each host has 192.0.2.N and 2001:db8::N and nothing else: no way out. It needs root (CAP_SYS_ADMIN and
CAP_NET_ADMIN) and says so where it is not there. Nothing is left behind whatever happens: a namespace
lives as long as its holder process, which the kernel kills with the thread that made it.
"""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def command(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}; "
                           "network namespaces need root (CAP_SYS_ADMIN, CAP_NET_ADMIN)")
    return done.stdout


class Host:
    def __init__(self, name, number=0):
        self.name = name
        self.address, self.address6 = f"192.0.2.{number}", f"2001:db8::{number:x}"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                       preexec_fn=die_with_parent)
        self.path = f"/proc/{self.holder.pid}/ns/net"
        ours = os.readlink("/proc/self/ns/net")
        limit = time.monotonic() + 10
        while True:  # unshare(1) has no way to tell that it is done
            if self.holder.poll() is not None:
                raise RuntimeError(f"no network namespace: {self.holder.stderr.read().strip()}; "
                                   "this test needs root (CAP_SYS_ADMIN)")
            with contextlib.suppress(OSError):
                if os.readlink(self.path) != ours:
                    break
            if time.monotonic() > limit:
                self.close()
                raise RuntimeError("no network namespace within 10 s")
            time.sleep(0.005)
        self.wrapper = ["nsenter", f"--net={self.path}", "--"]
        self.run(["ip", "link", "set", "lo", "up"])

    def run(self, words, **keywords):
        """Runs a program to its end; raises with its words when it fails."""
        done = subprocess.run([*self.wrapper, *words], capture_output=True, text=True,
                              timeout=keywords.pop("timeout", 60), **keywords)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def popen(self, words, **keywords):
        return subprocess.Popen([*self.wrapper, *words], preexec_fn=die_with_parent, **keywords)

    @contextlib.contextmanager
    def inside(self):
        """Sockets this thread makes belong to the host, also afterwards."""
        with open("/proc/thread-self/ns/net") as before, open(self.path) as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(before)

    @staticmethod
    def _enter(namespace):
        if LIBC.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns: entering a network namespace needs root")

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stderr.close()


class Network:
    def __init__(self, *names):
        self.hosts = {}
        self.switch = Host("switch")
        try:
            self.switch.run(["ip", "link", "add", "lan", "type", "bridge"])
            self.switch.run(["ip", "link", "set", "lan", "up"])
            for number, name in enumerate(names, 10):
                self._plug(name, number)
        except BaseException:
            self.close()
            raise

    def _plug(self, name, number):
        host = self.hosts[name] = Host(name, number)
        port = f"port{number}"
        self.switch.run(["ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
                         str(host.holder.pid)])
        self.switch.run(["ip", "link", "set", port, "master", "lan", "up"])
        host.run(["ip", "addr", "add", f"{host.address}/24", "dev", "eth0"])
        # Without duplicate address detection the address can be used at once.
        host.run(["ip", "-6", "addr", "add", f"{host.address6}/64", "dev", "eth0", "nodad"])
        host.run(["ip", "link", "set", "eth0", "up"])

    def __getitem__(self, name):
        return self.hosts[name]

    def unplug(self, name):
        """The host's cable is out: what is sent to it gets no answer."""
        self.switch.run(["ip", "link", "set", f"port{10 + list(self.hosts).index(name)}", "nomaster"])

    def plug(self, name):
        self.switch.run(["ip", "link", "set", f"port{10 + list(self.hosts).index(name)}", "master",
                         "lan"])

    def close(self):
        for host in [*self.hosts.values(), self.switch]:
            host.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
