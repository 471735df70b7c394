#!/usr/bin/env bash
# The examples do what they say: hello, no_colours and known_hole run to their end, both echo servers echo, and both
# refuse an address that is in use, or is none, with one line on stderr and exit status 1.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Far longer than any example takes: a limit for one that hangs.
SECONDS_TO_RUN=60
SECONDS_TO_START=20
SECONDS_TO_ANSWER=10

run cargo build --locked --release --examples
bin=$CARGO_TARGET_DIR/release/examples
scratch=$(mktemp -d)
server=

stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        # wait would have the shell report the kill.
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap 'stop_server; rm -rf "$scratch"' EXIT

runs() {
    say "+ $1"
    timeout "$SECONDS_TO_RUN" "$bin/$1" || fail "$1 ended with status $?"
}

# A port of 127.0.0.1 on which nobody listens.
free_port() {
    local port
    for _ in $(seq 100); do
        # Below the range from which the kernel takes ports for outgoing connections.
        port=$((20000 + RANDOM % 10000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            say "$port"
            return
        fi
    done
    fail "found no free port"
}

# start_server EXAMPLE ADDRESS: returns once it says that it listens.
start_server() {
    say "+ $1 $2"
    "$bin/$1" "$2" >"$scratch/out" 2>"$scratch/err" &
    server=$!
    local deadline=$((SECONDS + SECONDS_TO_START))
    until grep -qx "listening on $2" "$scratch/out"; do
        if ! kill -0 "$server" 2>/dev/null; then
            fail "$1 ended early: $(cat "$scratch/out" "$scratch/err")"
        fi
        [ "$SECONDS" -lt "$deadline" ] || fail "$1 did not say \`listening on $2\`: $(cat "$scratch/out")"
        sleep 0.05
    done
}

# echoes EXAMPLE PORT: two connections at once, so that one that is silent does not hold up the other.
echoes() {
    local sent answer
    exec 3<>"/dev/tcp/127.0.0.1/$2" 4<>"/dev/tcp/127.0.0.1/$2"
    for fd in 4 3 4; do
        sent="a line for $1 on connection $fd, $RANDOM"
        printf '%s\n' "$sent" >&"$fd"
        IFS= read -r -t "$SECONDS_TO_ANSWER" -u "$fd" answer || fail "$1 did not answer within $SECONDS_TO_ANSWER s"
        [ "$answer" = "$sent" ] || fail "$1 was sent '$sent' and answered '$answer'"
    done
    exec 3>&- 4>&-
    say "$1 echoes"
}

# refuses EXAMPLE ADDRESS
refuses() {
    local status=0 lines
    timeout "$SECONDS_TO_RUN" "$bin/$1" "$2" >"$scratch/refused.out" 2>"$scratch/refused.err" || status=$?
    lines=$(wc -l <"$scratch/refused.err")
    if [ "$status" -ne 1 ] || [ "$lines" -ne 1 ] || grep -q listening "$scratch/refused.out"; then
        fail "$1 $2 should end with one line on stderr and status 1; status $status, stderr:
$(cat "$scratch/refused.err")"
    fi
    say "$1 $2 refuses: $(cat "$scratch/refused.err")"
}

runs hello
for example in echo echo_blocking; do
    port=$(free_port)
    start_server "$example" "127.0.0.1:$port"
    echoes "$example" "$port"
    refuses "$example" "127.0.0.1:$port"
    refuses "$example" not-an-address
    refuses "$example" $'127.0.0.1:\xff'
    kill -0 "$server" 2>/dev/null || fail "$example ended by itself: $(cat "$scratch/err")"
    [ ! -s "$scratch/err" ] || fail "$example complained: $(cat "$scratch/err")"
    stop_server
done
runs no_colours
runs known_hole
