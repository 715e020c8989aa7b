"""A memory limit for one process tree: a control group of version 1 or 2, whichever the machine has."""
import os
import tempfile
import time
from pathlib import Path

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class MemoryGroup:
    def __init__(self, limit):
        root, name = (V1, "memory.limit_in_bytes") if V1.is_dir() else (V2, "memory.max")
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="mailwright-test-", dir=root))
        except OSError as error:
            raise AssertionError(f"this test needs the right to make a control group in {root}: {error}")
        try:
            (self.folder / name).write_text(str(limit))
            # Without swap, where the kernel counts it.
            for swap, value in (("memory.memsw.limit_in_bytes", limit), ("memory.swap.max", 0)):
                if (self.folder / swap).exists():
                    (self.folder / swap).write_text(str(value))
        except OSError as error:
            self.close()
            raise AssertionError(f"this test needs control groups that limit memory: {error}")

    # For Daemon: starts a program within the group.
    @property
    def wrapper(self):
        return ["/bin/sh", "-c", f'echo $$ > {self.folder / "cgroup.procs"} && exec "$@"', "sh"]

    def kills(self):
        """How often the kernel has killed for want of memory."""
        control = self.folder / ("memory.oom_control" if V1.is_dir() else "memory.events")
        return sum(int(line.split()[1]) for line in control.read_text().splitlines()
                   if line.startswith("oom_kill "))

    def close(self):
        end = time.monotonic() + 20
        while True:  # a process that has ended leaves the group a little later
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
