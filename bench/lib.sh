# Shared by the scripts in this folder; sourced, never run. Starts a daemon in a folder of its own.
source "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"
BENCH_PROGRAM=${BENCH_PROGRAM:-$ROOT/build/release/bin/mailwright}
BENCH_LOAD=$ROOT/build/release/bin/bench_accept

# bench_config DIR ADDRESS: mail for hold.test goes to BENCH_NEXT_HOP (a route), or is kept and goes
# nowhere. STARTTLS where BENCH_CERT and BENCH_KEY name files, plain text otherwise.
bench_config() {
  cat >"$1/mailwright.toml" <<T
hostname = "bench.test"
state = "$1/state"
[[listener]]
address = "$2"
role = "relay"
tls = "none"
[relay]
networks = ["127.0.0.0/8"]
[routes]
"hold.test" = "${BENCH_NEXT_HOP:-hold}"
"*" = "hold"
T
  if [[ -n ${BENCH_CERT:-} ]]; then
    sed -i 's/^tls = .*/tls = "starttls"/' "$1/mailwright.toml"
    install -m 600 "$BENCH_KEY" "$1/key.pem"
    printf '[tls]\ncertificate = "%s"\nkey = "%s"\n' "$BENCH_CERT" "$1/key.pem" >>"$1/mailwright.toml"
  fi
}

# bench_start DIR [WRAPPER...]: sets BENCH_PID and BENCH_PORT once the daemon answers.
bench_start() {
  local dir=$1 tries=0
  shift
  : >"$dir/log"
  "$@" "$BENCH_PROGRAM" serve --config "$dir/mailwright.toml" </dev/null >/dev/null 2>>"$dir/log" &
  BENCH_PID=$!
  until grep -q '"event":"serve.ready"' "$dir/log"; do
    kill -0 "$BENCH_PID" 2>/dev/null || { tail -n 20 "$dir/log" >&2; die "the daemon did not start"; }
    ((++tries < 1200)) || die "the daemon was not ready within 120 s"
    sleep 0.1
  done
  BENCH_PORT=$(sed -n '/"event":"serve.listening"/s/.*"address":"[^"]*:\([0-9]*\)".*/\1/p' "$dir/log" | head -n 1)
  [[ -n $BENCH_PORT ]] || die "no address in the line serve.listening of the log"
}

bench_stop() {
  [[ -n ${BENCH_PID:-} ]] || return 0
  kill -TERM "$BENCH_PID" 2>/dev/null || true
  wait "$BENCH_PID" 2>/dev/null || true
  BENCH_PID=
}

# bench_accounts DIR N: u0..u(N-1)@local.test; the daemon runs.
bench_accounts() {
  local dir=$1 count=$2
  "$BENCH_PROGRAM" domain add local.test --config "$dir/mailwright.toml" </dev/null >>"$dir/log"
  seq 0 $((count - 1)) | xargs -P "$(jobs)" -I {} sh -c \
    'echo load-and-nothing-else | "$0" account add u{}@local.test --password-stdin --config "$1" >>"$2"' \
    "$BENCH_PROGRAM" "$dir/mailwright.toml" "$dir/log"
}
