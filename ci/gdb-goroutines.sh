#!/usr/bin/env bash
# runtime-core/gdb/gort.py lists goroutines and shows where they stand: of a live process and of its core file, with debug
# information and without.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

SECONDS_TO_START=60
# gdb reads all debug information first.
SECONDS_TO_RUN=120

if ! have gdb; then
    skip "gdb is not installed"
    exit 0
fi
if ! gdb -nx -batch -ex 'python import gdb.unwinder' >/dev/null 2>&1; then
    skip "gdb has no Python"
    exit 0
fi

scratch=$(mktemp -d)
program=
end_program() {
    if [ -n "$program" ]; then
        kill -KILL "$program" 2>/dev/null || true
        # wait would have the shell report the kill.
        wait "$program" 2>/dev/null || true
        program=
    fi
}
trap 'end_program; rm -rf "$scratch"' EXIT

# ask COMMAND...: gdb's answers about the program, or about its core file.
ask() {
    local args=(-nx -batch -ex 'set pagination off' -ex 'set debuginfod enabled off')
    args+=(-ex 'source runtime-core/gdb/gort.py' -ex 'echo answers:\n')
    local command
    for command in "$@"; do
        args+=(-ex "$command")
    done
    timeout "$SECONDS_TO_RUN" gdb "${args[@]}" "${target[@]}" >"$scratch/out" 2>&1 || true
    if grep -qiE 'ptrace: Operation not permitted|Could not attach' "$scratch/out"; then
        skip "gdb may not trace a process here"
        exit 0
    fi
}

# expect REGEX: a line of the last answer matches.
expect() {
    grep -Eq -- "$1" "$scratch/out" || {
        cat "$scratch/out"
        fail "$what: nothing matches $1"
    }
}

# number NAME: that of the goroutine or task of this name, from the last list.
number() {
    sed -nE "s/^(goroutine|task) ([0-9]+) \[[^]]*\] \"$1\" .*/\2/p" "$scratch/out"
}

here='tests/gdb/goroutines\.rs:[0-9]+:[0-9]+'

check() {
    ask 'info goroutines'
    expect "^goroutine [0-9]+ \[running\] \"main\" on thread [0-9]+ created at $here$"
    expect "^goroutine [0-9]+ \[sleep\] \"sleeper\" waits at $here created at $here$"
    expect "^goroutine [0-9]+ \[IO wait: accept\] \"acceptor\" waits at $here created at $here$"
    expect "^task [0-9]+ \[join\] \"stands\" waits at $here created at $here$"
    expect "^task [0-9]+ \[sleep, at base\] \"rests\" created at $here$"
    local main sleeper stands rests
    main=$(number main) sleeper=$(number sleeper) stands=$(number stands) rests=$(number rests)
    ask "goroutine $sleeper bt" "goroutine $rests bt"
    expect '^#[0-9]+ .* in gort_runtime_core::sched::park'
    expect '^#[0-9]+ .*goroutines::innermost'
    expect '^#[0-9]+ .*goroutines::outer'
    expect '^#[0-9]+ .*gort_goexit'
    expect "^task $rests has no stack: it is sleep, at base$"
    # gdb says where the program stands before it is asked.
    if sed '1,/^answers:$/d' "$scratch/out" | grep -q '^#0 '; then
        cat "$scratch/out"
        fail "$what: a frame that is not the goroutine's"
    fi
    ask "goroutine $stands bt" "goroutine $main bt" "goroutine 123456 bt"
    expect '^#[0-9]+ .*goroutines::innermost_of_a_task'
    expect '^#[0-9]+ .*goroutines::(innermost_of_main|main)'
    expect '^no goroutine 123456$'
    ask 'goroutine all bt'
    expect "^goroutine $sleeper \["
    expect '^#[0-9]+ .*goroutines::innermost'
    # The threads are as they were.
    ask "goroutine $sleeper bt" 'thread apply all bt -3'
    expect '(start_thread|clone3|__libc_start|_start)'
}

for build in dev release; do
    rm -f "$scratch/said"
    say "+ cargo build --profile $build --test gdb_goroutines"
    binary=$(cargo test --locked --no-run --profile "$build" --test gdb_goroutines --message-format=json |
        sed -nE 's/.*"executable":"([^"]*gdb_goroutines-[^"]*)".*/\1/p' | tail -1)
    [ -n "$binary" ] || fail "no executable of tests/gdb/goroutines.rs"
    # In a directory of its own, for the kernel leaves the core file there.
    (
        cd "$scratch"
        ulimit -c unlimited 2>/dev/null || true
        GORT_TEST_GDB=1 exec "$binary" >said
    ) &
    program=$!
    deadline=$((SECONDS + SECONDS_TO_START))
    until grep -qsx ready "$scratch/said"; do
        kill -0 "$program" 2>/dev/null || fail "the program has ended"
        [ "$SECONDS" -lt "$deadline" ] || fail "the program does not say that it is ready"
        sleep 0.05
    done

    what="$build, live"
    target=(-p "$program" "$binary")
    check
    say "$what: ok"

    # The kernel's: gdb's own, gcore, gives a stack up where its guard region begins.
    kill -ABRT "$program" || fail "the program did not survive gdb"
    wait "$program" 2>/dev/null || true
    program=
    core=$(find "$scratch" -name 'core*' -print -quit)
    if [ -z "$core" ]; then
        skip "no core file: the limit is $(ulimit -Hc), and the kernel writes to $(cat /proc/sys/kernel/core_pattern)"
        continue
    fi
    what="$build, core file"
    target=("$binary" "$core")
    check
    rm "$core"
    say "$what: ok"
done
