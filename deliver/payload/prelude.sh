# shellcheck shell=sh
# Stands before every script that runs on a host. Expects: deadline (whole seconds), lifeline (yes or no).
#
# sshd makes every command the leader of its own process group, and so does our local runner: what this script
# starts can be ended as a group. Two watchers do that: one at the deadline; the other, for scripts that take no
# data on stdin, when stdin ends, which is when the operator's side is gone.
: "${deadline:=60}" "${lifeline:=no}"
set -u
umask 022
LC_ALL=C
export LC_ALL
unset CDPATH ENV
tab=$(printf '\t')

# end_group REASON: TERM for the whole group, KILL five seconds later for whoever did not listen.
end_group() {
  trap '' TERM
  printf 'deliver: %s\n' "$1" >&2
  exec 2>/dev/null
  kill -TERM 0
  sleep 5
  kill -KILL 0
}

(
  exec </dev/null >/dev/null
  sleep "$deadline" 2>/dev/null
  end_group "the deadline of $deadline s is over"
) &

if [ "$lifeline" = yes ]; then
  exec 3<&0 </dev/null
  (
    exec >/dev/null
    cat <&3 2>/dev/null
    end_group "the operator's side is gone"
  ) &
  exec 3<&-
fi

# at_exit COMMAND...: runs on every way out, last added first.
exit_commands=:
at_exit() {
  exit_commands="$*
$exit_commands"
}

# The watchers, and whatever else this script left in its group, end with it.
leave() {
  status=$?
  trap - EXIT
  trap '' TERM HUP INT PIPE
  kill -TERM 0
  eval "$exit_commands"
  exit "$status"
}
trap leave EXIT
trap 'exit 143' TERM HUP INT PIPE

# say KEY VALUE...: one fact, as a line of fields that a tab divides.
say() {
  line=$1
  shift
  for value in "$@"; do
    line="$line$tab$value"
  done
  printf '%s\n' "$line"
}

# fail MESSAGE [STATUS]: ends the script; the message becomes the error that the operator reads.
fail() {
  printf 'deliver: %s\n' "$1" >&2
  exit "${2:-1}"
}
