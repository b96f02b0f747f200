# shellcheck shell=sh
# Runs a command line of the operator's. Stands after the prelude.
#
# Its variables come as arguments by their own names, which `exported` lists.
#
# shellcheck disable=SC2034  # scripts that stand after this one read what it sets
: "${command:=}" "${directory:=}" "${exported:=}"

# run_line [SECONDS]: sets `line_status`, that of `command`, or of `timeout` after so long, where the host has it. What it
# writes goes to our stderr. A child that it leaves behind keeps running, and keeps nobody waiting.
run_line() {
  limit=${1:-}
  place=$(umask 077 && mktemp -d) || fail 'cannot make a private directory'
  # shellcheck disable=SC2016  # it expands at exit
  at_exit 'rm -rf "$place"'
  mkfifo "$place/said" || fail 'cannot make a pipe'
  cat <"$place/said" >&2 &
  listener=$!
  line_itself &
  wait $!
  line_status=$?
  stop_listening &
  impatience=$!
  wait "$listener" 2>/dev/null
  kill -KILL "$impatience" 2>/dev/null # a child that was just forked could miss a TERM
  rm -rf "$place"
}

# stop_listening: the listener hears the end by itself, but where a child that was left behind holds the pipe. One that
# is only slow to pass on what it heard, over a slow line, gets the time for it.
stop_listening() {
  exec >/dev/null 2>&1 </dev/null # redirections of the call would keep the old ones open
  sleep 1
  # shellcheck disable=SC2010  # what links point to, not names
  [ "$(ls -l /proc/[0-9]*/fd | grep -c -F "${place##*/}/said")" -gt 1 ] || sleep 30
  kill "$listener"
}

line_itself() {
  exec >"$place/said" 2>&1 </dev/null
  cd "${directory:-.}" || exit
  # The prelude's own choice; a program without a UTF-8 locale reads and writes latin1.
  unset LC_ALL
  LANG=${LANG:-C.UTF-8}
  export LANG
  for name in $exported; do
    # shellcheck disable=SC2163  # the variable that it names
    export "$name"
  done
  if [ -n "$limit" ] && command -v timeout >/dev/null; then
    exec timeout "$limit" sh -c "$command"
  fi
  exec sh -c "$command"
}
