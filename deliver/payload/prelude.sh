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
  trap '' TERM PIPE
  printf 'deliver: %s\n' "$1" >&2
  exec 2>/dev/null
  kill -TERM 0
  sleep 5
  kill -KILL 0
}

# Redirections of a call would keep the old stdout open beside the new one, so `watch` redirects itself.
# watch REASON COMMAND...: ends the group when COMMAND ends, unless it is told to stop first.
watch() {
  exec >/dev/null
  set +u # $! has no value until there is a child
  trap 'kill -KILL $! 2>/dev/null; exit 0' TERM # a child that was just forked could miss a TERM
  reason=$1
  shift
  "$@" 2>/dev/null &
  wait $!
  end_group "$reason"
}

watch "the deadline of $deadline s is over" sleep "$deadline" &
watchers=$!

if [ "$lifeline" = yes ]; then
  exec 3<&0 </dev/null
  read_lifeline() { cat <&3; }
  watch "the operator's side is gone" read_lifeline &
  watchers="$watchers $!"
  exec 3<&-
fi

# at_exit COMMAND...: runs on every way out, last added first.
exit_commands=:
at_exit() {
  exit_commands="$*
$exit_commands"
}

leave() {
  status=$?
  trap - EXIT
  trap '' TERM HUP INT PIPE
  eval "$exit_commands"
  # shellcheck disable=SC2086 # a list of process ids
  kill $watchers 2>/dev/null
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

# is_hidden PID: whether there is such a process that /proc keeps from us, as it does with other users' under `hidepid`.
is_hidden() {
  [ -r /proc/self/stat ] && [ ! -d "/proc/$1" ] || return 1
  case $(kill -0 "$1" 2>&1) in
    *'o such process'*) return 1 ;;
  esac
}
