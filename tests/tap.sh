# shellcheck shell=sh
# tap.sh -- for the shell tests: says in the Test Anything Protocol what held and what did not.
#
# A test sources it, calls `check` once for each claim, and ends with `finish`:
#
#     . "${srcdir:-.}/tests/tap.sh" || exit 99
#     check "lull.pc names the version" grep -q '^Version: 0' lull.pc
#     finish

tap_number=0
tap_dir=$(mktemp -d "${TMPDIR:-/tmp}/lull-test.XXXXXX") || exit 99
trap 'rm -rf "$tap_dir"' EXIT
trap 'exit 99' HUP INT TERM

# ok DESCRIPTION: this holds.
ok()
{
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1"
}

# not_ok DESCRIPTION: this does not hold. What stands on standard input becomes the diagnosis.
not_ok()
{
    tap_number=$((tap_number + 1))
    echo "not ok $tap_number - $1"
    sed 's/^/#   /'
}

# skip DESCRIPTION REASON: this cannot be tested here.
skip()
{
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}

# check DESCRIPTION COMMAND...: the command succeeds; what it prints is the diagnosis.
check()
{
    tap_what=$1
    shift
    if "$@" >"$tap_dir/output" 2>&1; then
        ok "$tap_what"
    else
        not_ok "$tap_what" <"$tap_dir/output"
    fi
}

# check_fails DESCRIPTION COMMAND...: the command fails.
check_fails()
{
    tap_what=$1
    shift
    if "$@" >"$tap_dir/output" 2>&1; then
        not_ok "$tap_what" <"$tap_dir/output"
    else
        ok "$tap_what"
    fi
}

# finish: the plan; the results themselves are already said.
finish()
{
    echo "1..$tap_number"
    exit 0
}
