"""Recomputes the sums of security.md 17 from the event log alone, and compares them with `status`:

    accepted = delivered + bounced + expired + discarded + quarantined + held + queued

counted in recipients after expansion. Independent of the program: it reads `message events --json`.
As a script: tests/e2e/sums.py CONFIG [PROGRAM].
"""
import json
import subprocess
import sys

ENDS = ("delivered", "bounced", "expired", "discarded", "quarantined", "held")
NAMES = ("accepted", *ENDS, "queued")


def recompute(events):
    """A recipient's state is that of its last event; one without an event after `received` waits.

    An address may be a recipient twice for a moment, as given and as a member of an alias: `expanded`
    takes one of the two away.
    """
    state = {}  # (message, recipient) -> [how often, state]
    for event in events:
        kind, message = event["kind"], event["message"]
        key = (message, event.get("recipient", ""))
        if kind in ("received", "expanded"):
            if kind == "expanded":  # the one as given is replaced by its members
                if key not in state:
                    raise ValueError(f"{message}: expanded {key[1]!r}, which is no recipient of it")
                state[key][0] -= 1
                if state[key][0] == 0:
                    del state[key]
            for name in event["recipients"]:
                state.setdefault((message, name), [0, "queued"])[0] += 1
        elif kind == "deferred" or kind in ENDS:
            if key not in state:
                raise ValueError(f"{message}: {kind} {key[1]!r}, which is no recipient of it")
            state[key][1] = "queued" if kind == "deferred" else kind
    sums = dict.fromkeys(NAMES, 0)
    for times, kind in state.values():
        sums[kind] += times
        sums["accepted"] += times
    return sums


def of_status(status):
    """The sums as `status --json` has them."""
    row = status.get("sums", status.get("recipients", status))
    return {name: int(row[name]) for name in NAMES}


def compare(events, status):
    """Sentences about what differs; none when everything adds up."""
    ours, theirs = recompute(events), of_status(status)
    found = [f"{name}: {ours[name]} by the events, {theirs[name]} by status"
             for name in NAMES if ours[name] != theirs[name]]
    right = sum(theirs[name] for name in NAMES if name != "accepted")
    if theirs["accepted"] != right:
        found.append(f"status: accepted {theirs['accepted']} is not the sum of its parts, {right}")
    return found


def differences(daemon):
    return compare(daemon.each_event(), daemon.json("status"))


def main():
    config = sys.argv[1]
    program = sys.argv[2] if len(sys.argv) > 2 else "build/release/bin/mailwright"

    def ask(*command):
        done = subprocess.run([program, *command, "--json", "--config", config], check=True,
                              capture_output=True, text=True)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    events = ask("message", "events")
    found = compare(events, ask("status"))
    print("\n".join(found) or f"{len(events)} events: {recompute(events)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
