# Shared by the scripts in this folder; sourced, never run. Gives ROOT and a few words for output.
# Nothing here asks a question or reads standard input.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT NINJA_STATUS='[%f/%t %es] ' DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1

say() { printf '%s\n' "$@"; }  # a line each
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }  # seconds -> m:ss

# Where the suites by others lie; they are read there and never committed.
export MAILWRIGHT_SUITES=${MAILWRIGHT_SUITES:-$ROOT/../shared/conformance}

# A compiler takes up to 1.5 GiB: a machine with many cores and little memory must not swap.
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemTotal:/ { print int($2 / 1572864) }' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}

as_root() {
  if (($(id -u) == 0)); then "$@"
  elif command -v sudo >/dev/null; then sudo -n "$@" || die "cannot run as root without a password: $*"
  else die "needs root for: $* (run tools/setup as root once, then everything else as yourself)"
  fi
}
