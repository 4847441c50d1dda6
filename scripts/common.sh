# shellcheck shell=bash
# common.sh -- what ./demo and ./check share: packages, steps with progress, a fresh build.
#
# A step is a function that runs in the background with its output in build/logs/STEP.log, while
# this shell shows how far it is: a live line on a terminal, a plain line a stage otherwise.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # both are for the scripts that source this one
builds=$top/build
logs=$top/build/logs
jobs=$(nproc 2>/dev/null || echo 2)
step_pid=
step_limit=1800 # seconds; a step that takes longer hangs

if [ -t 1 ]; then
    live=yes
else
    live=no
fi

# die MESSAGE...: for what the user can mend; one line each.
die()
{
    printf '%s\n' "$@" >&2
    exit 1
}

# usage_error MESSAGE: for a command line that says nothing sensible.
usage_error()
{
    printf '%s\n' "$1" "try ./${0##*/} --help" >&2
    exit 2
}

# elapsed SECONDS: as minutes:seconds.
elapsed()
{
    printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# stage NAME: called inside a step, says what it does now.
stage()
{
    echo "== $1"
    echo "$1" >"$logs/stage.new"
    mv "$logs/stage.new" "$logs/stage"
}

# kill_step: a script that ends early takes its running step with it.
kill_step()
{
    if [ -n "$step_pid" ]; then
        kill -TERM -- "-$step_pid" 2>/dev/null || true
        [ "$live" = no ] || printf '\n'
    fi
}
trap kill_step EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# run_step NAME FUNCTION [ARGUMENT...]: runs one step and returns its status; the time that it took
# is left in step_seconds. The line is left open for the caller to end.
run_step()
{
    local name=$1 start=$SECONDS shown='' now status=0
    shift
    mkdir -p "$logs"
    echo start >"$logs/stage"

    # A process group of its own, so that it can be ended whole.
    set -m
    (
        set -e
        "$@"
    ) >"$logs/$name.log" 2>&1 </dev/null &
    step_pid=$!
    set +m

    while kill -0 "$step_pid" 2>/dev/null; do
        now=$(cat "$logs/stage")
        if [ "$live" = yes ]; then
            printf '\r\033[K%-10s %6s  %s' "$name" "$(elapsed $((SECONDS - start)))" "$now"
        elif [ "$now" != "$shown" ] && [ "$now" != start ]; then
            printf '%-10s %6s  %s\n' "$name" "$(elapsed $((SECONDS - start)))" "$now"
        fi
        shown=$now
        if [ $((SECONDS - start)) -gt "$step_limit" ]; then
            echo "== ended after $step_limit seconds" >>"$logs/$name.log"
            kill -TERM -- "-$step_pid" 2>/dev/null || true
            sleep 5
            kill -KILL -- "-$step_pid" 2>/dev/null || true
        fi
        sleep 0.25
    done
    wait "$step_pid" || status=$?
    # What the step started ends with it.
    kill -KILL -- "-$step_pid" 2>/dev/null || true
    step_pid=
    step_seconds=$((SECONDS - start))
    [ "$live" = no ] || printf '\r\033[K'
    printf '%-10s %6s  ' "$name" "$(elapsed "$step_seconds")"
    return "$status"
}

# Packages.

# missing_packages NAME...: those that are not installed.
missing_packages()
{
    local package
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) in
        installed) ;;
        *) echo "$package" ;;
        esac
    done
}

# How this user becomes root: nothing for root, sudo where it is allowed, not at all otherwise.
become_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        as_root=()
    elif ! command -v sudo >/dev/null 2>&1; then
        return 1
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    elif [ -t 0 ] && [ -t 2 ]; then
        # The password is asked for here, in the foreground, and remembered for the step.
        sudo -v && as_root=(sudo -n)
    else
        return 1
    fi
}

apt_install()
{
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    stage "apt-get update"
    "${apt[@]}" update
    stage "apt-get install $*"
    "${apt[@]}" install -y --no-install-recommends "$@"
}

# need_packages NAME...: installs what is missing of the Debian packages, or says how to.
need_packages()
{
    local missing
    if ! command -v dpkg-query >/dev/null 2>&1; then
        printf '%s\n' "This is no Debian system; going on without a look at its packages." \
            "Debian's names of what is needed: $*"
        return
    fi
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        return
    fi
    if ! become_root; then
        die "These packages are missing:" "" "    ${missing[*]}" "" \
            "Neither root nor sudo is at hand to install them. As root:" "" \
            "    apt-get update" \
            "    apt-get install --no-install-recommends ${missing[*]}"
    fi
    if run_step packages apt_install "${missing[@]}"; then
        echo "installed ${missing[*]}"
    else
        echo "FAILED"
        tail -n 20 "$logs/packages.log"
        die "The packages could not be installed: ${missing[*]}"
    fi
}

# Builds.

# What every build of the project needs, and what only makes more of the lab.
# shellcheck disable=SC2034
build_packages=(autoconf automake gcc libc6-dev libtool make pkg-config)
# shellcheck disable=SC2034
lab_packages=(libgc-dev libjansson-dev)

# prepare: makes configure where it is missing or old.
prepare()
{
    stage "autoreconf"
    cd "$top"
    if [ ! -x configure ] || [ ! -f Makefile.in ] || [ ! -f build-aux/tap-driver.sh ] ||
        [ -n "$(find configure.ac Makefile.am bench/Makefile.inc tests/Makefile.inc m4 \
            -newer configure -print -quit)" ]; then
        autoreconf --install
    fi
}

# A build outside of the source tree cannot be, once the source tree itself has been configured.
refuse_configured_source()
{
    if [ -f "$top/config.status" ]; then
        die "The source tree itself is configured, so nothing can be built outside of it." \
            "Run 'make distclean' in $top first."
    fi
}

# configure_fresh NAME [ARGUMENT...]: an empty build/NAME, configured; leaves the shell inside it.
configure_fresh()
{
    local directory=$builds/$1
    shift
    stage "configure"
    rm -rf "$directory"
    mkdir -p "$directory"
    cd "$directory"
    "$top/configure" "$@"
}

# build: makes everything in this directory.
build()
{
    stage "build"
    make -j"$jobs" "$@"
}
