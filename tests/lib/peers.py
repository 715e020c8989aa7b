"""Mail programs that others wrote, for tests: fetched once into build/peers, run where nobody sees them.

    tree = debian("exim4-daemon-light")          # unpacked, not installed; with libraries that lack here
    done = run_in(tree, "exim4 -odf jerry@yahoo.test < /peer/mail", {"mail": b"..."})

`run_in`, and `World` for servers that stay, give a script a world of its own: the host's /usr and /etc with
the tree laid over them, a fresh /var, /run and /tmp, its files in /peer, its own process ids. What it writes
is gone afterwards and so is every process it started; the network is the host's, for it has to reach the
daemon under test. That takes root, or a row in /etc/subuid and newuidmap.
"""
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "build" / "peers"
FETCH_LIMIT = 300  # seconds

SETUP = r"""
set -eu
tree=$1 work=$2
new=$work/.root
mkdir -p "$new"
mount -t tmpfs none "$new"
up=$new/.up root=$new/root
mkdir -p "$up"/{usr,etc}{,.work} "$root"/{usr,etc,var/{tmp,log,lib,spool,mail},proc,dev,tmp,run,root,peer}
for link in bin sbin lib lib32 lib64 libx32; do if [ -L "/$link" ]; then cp -P "/$link" "$root/"; fi; done
ln -s /run "$root/var/run"
chmod 1777 "$root/tmp" "$root/var/tmp"
chmod 755 "$new" "$root"
mkdir -p "$tree/usr" "$tree/etc"
for part in usr etc; do
  mount -t overlay -o "lowerdir=$tree/$part:/$part,upperdir=$up/$part,workdir=$up/$part.work" none "$root/$part"
done
rm -f "$root/etc/resolv.conf" "$root/etc/nsswitch.conf"  # nobody is asked for names
printf '%s: files\n' passwd group hosts services protocols >"$root/etc/nsswitch.conf"
echo nameserver 127.0.0.1 >"$root/etc/resolv.conf"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --bind "$work" "$root/peer"
while IFS=: read -r user uid; do
  grep -q "^$user:" "$root/etc/passwd" || echo "$user:x:$uid:$uid::/run:/usr/sbin/nologin" >>"$root/etc/passwd"
  grep -q "^$user:" "$root/etc/group" || echo "$user:x:$uid:" >>"$root/etc/group"
done <"$work/.users"
cd "$root"
exec chroot "$root" /bin/bash -eu /peer/.script
"""


class Missing(AssertionError):
    """A program could not be had; the text says what to do."""


@contextlib.contextmanager
def _one_at_a_time():
    PEERS.mkdir(parents=True, exist_ok=True)
    with open(PEERS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(command, folder, what):
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=FETCH_LIMIT)
    except FileNotFoundError:
        raise Missing(f"{what} needs {command[0]}, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"{what}: {' '.join(command)} took over {FETCH_LIMIT} s: is the network up?") from None
    if done.returncode != 0:
        raise Missing(f"{what} could not be fetched: is the network up? Debian packages need the lists "
                      f"of `apt-get update`.\n{' '.join(command)}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return done.stdout


def _unpack_into(folder, fill):
    """folder, filled by fill(new folder) unless it was before; never half full."""
    with _one_at_a_time():
        if not folder.is_dir():
            new = Path(tempfile.mkdtemp(prefix=".new-", dir=PEERS))
            try:
                fill(new)
                new.chmod(0o755)
                new.rename(folder)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return folder


def debian(*packages):
    """The folder with these packages and what they need and this machine lacks."""
    def fill(new):
        what = "Debian's " + ", ".join(packages)
        # What apt would install says what is missing; what is here already is fetched by name only.
        plan = _fetch(["apt-get", "install", "-s", "--no-install-recommends", *packages], new, what)
        names = {line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")}
        with tempfile.TemporaryDirectory() as archives:
            _fetch(["apt-get", "download", *sorted(names | set(packages))], archives, what)
            for archive in sorted(Path(archives).glob("*.deb")):
                _fetch(["dpkg", "-x", str(archive), str(new)], archives, what)
        for part in ("bin", "sbin", "lib"):  # some packages do not know yet that these are links
            if (new / part).is_dir() and not (new / part).is_symlink():
                shutil.copytree(new / part, new / "usr" / part, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(new / part)
    return _unpack_into(PEERS / "-".join(("debian", *packages)), fill)


def npm(package, version):
    """The folder to run node in, so that it finds the package."""
    def fill(new):
        _fetch(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(new),
                f"{package}@{version}"], new, f"npm's {package}")
    return _unpack_into(PEERS / f"npm-{package}-{version}", fill)


class World:
    """A bash script (-eu) above a tree; ends with its block, and all it started with it.

    `files`: name -> bytes, in /peer, which is `folder` outside. `users`: name -> number of a user and a group
    of that name, where the host has none: servers want to become somebody. `prefix`: a command to run it
    under, such as ip netns exec NAME.
    """

    def __init__(self, tree, script, files=None, users=None, prefix=()):
        flags = ["--mount", "--pid", "--fork", "--kill-child"]
        if os.geteuid() != 0:
            flags += ["--user", "--map-root-user", "--map-auto"]  # needs newuidmap and a row in /etc/subuid
        self.script = script
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-peer-"))
        self.folder.chmod(0o755)
        for name, content in (files or {}).items():
            (self.folder / name).write_bytes(content)
        (self.folder / ".script").write_text(script)
        (self.folder / ".users").write_text("".join(f"{u}:{n}\n" for u, n in (users or {}).items()))
        with open(self.folder / ".output", "wb") as output:
            self.process = subprocess.Popen(
                [*prefix, "unshare", *flags, "bash", "-c", SETUP, "setup", str(tree), str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"})

    def output(self):
        return (self.folder / ".output").read_bytes()

    def wait(self, timeout):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"over {timeout} s: {self.script}\n{text_of(self.output())}") from None
        return subprocess.CompletedProcess(self.script, self.process.returncode, self.output())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # --kill-child takes the rest along
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_in(tree, script, files=None, users=None, timeout=120):
    """Runs a script in a World until it ends by itself; returns the finished process, its output as bytes."""
    with World(tree, script, files, users) as world:
        return world.wait(timeout)


def text_of(output):
    """Its end, for the message of a failed test."""
    return re.sub(r"\n{3,}", "\n\n", output.decode("utf-8", "replace"))[-6000:]
