"""File systems of a test's own, small ones that can be filled: in memory, or ext4 on a loop device.

They are mounted in a mount namespace of this process (own_mounts()), so they are gone with it and with the
programs it started, whatever happens; a loop device lets go of its file when nobody has it mounted. Takes root.
"""
import contextlib
import ctypes
import os
import subprocess
import time
from pathlib import Path

CLONE_NEWNS = 0x00020000
MIB = 1 << 20


def own_mounts():
    """What this process mounts from now on nobody else sees, but the programs it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise AssertionError(f"this test needs the right to mount: {os.strerror(ctypes.get_errno())}")
    run("mount", "--make-rprivate", "/")


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stderr}")


class Disk:
    """Mounted at `folder`, which becomes 0700; `inodes` None: as many as it likes."""

    def __init__(self, folder, size, kind, inodes=None):
        self.folder, self.image, self.kind = Path(folder), Path(f"{folder}.image"), kind
        self.folder.mkdir(mode=0o700)
        if kind == "tmpfs":
            options = f"size={size},mode=0700" + (f",nr_inodes={inodes}" if inodes else "")
            run("mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder)
        else:
            with open(self.image, "wb") as image:
                image.truncate(size)
            run("mkfs.ext4", "-q", "-F", "-b", 4096, "-m", 0, *(("-N", inodes) if inodes else ()), self.image)
            run("mount", "-o", "loop", self.image, self.folder)
            self.folder.chmod(0o700)
            (self.folder / "lost+found").rmdir()

    def close(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    # --- filled by somebody else: this process -------------------------------------------------------
    @property
    def ballast(self):
        return self.folder / "ballast"

    def room(self):
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def inodes(self):
        return os.statvfs(self.folder).f_favail

    def fill(self, leave=0):
        """At once, until so much is left; 0 is until not one octet can be written."""
        self.ballast.mkdir(exist_ok=True)
        with contextlib.suppress(OSError), open(self.ballast / f"{time.monotonic_ns()}", "wb", buffering=0) as file:
            size = self.room() - leave
            while size >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                    size = self.room() - leave
                except OSError:  # some of the room is no room for data
                    size //= 2
            while leave == 0:
                file.write(bytes(4096))

    def fill_inodes(self, leave=0):
        self.ballast.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            for number in range(max(0, self.inodes() - leave) + (0 if leave else 1000)):
                (self.ballast / f"inode-{time.monotonic_ns()}-{number}").touch()

    def empty(self):
        for path in self.ballast.iterdir():
            path.unlink()
