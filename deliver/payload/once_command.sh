# shellcheck shell=sh
# Runs one command of the configuration, to its end or to its deadline, whether or not anybody still waits for it. Stands
# after the prelude, lock.sh and layout.sh, in a session of its own; see once.sh.
: "${version:=}" "${place:=}" "${name:=}" "${command:=}" "${locale:=}" "${who:=}" "${status:=}"
: "${watchers:=}" "${DELIVER_ROOT:=}"

# The locale that the node starts with; the prelude has one for scripts.
run_command() (
  if [ -n "$locale" ]; then
    LC_ALL=$locale
  else
    unset LC_ALL
  fi
  exec sh -c "$command"
)

# end_command: tells how it ended, once and for all. One that a signal ended, as the deadline's does, was in the middle
# of something: then nobody knows how far it got, and `.running` stays, as it does when even this process is killed.
end_command() {
  ended=$status
  if [ "$ended" = 0 ]; then
    put_text "{\"at\":\"$(now)\",\"who\":\"$who\"}" "$mark" && rm -f "$mark.running"
    journal "once $name" "$version" ok
  elif [ "$ended" -gt 128 ] && [ "$ended" -le 192 ]; then
    journal "once $name" "$version" broken
  else
    put_text "$ended" "$mark.failed" && rm -f "$mark.running"
    journal "once $name" "$version" failed
  fi
}

now() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}

exec </dev/null
root=$DELIVER_ROOT
mark=$root/.deliver/once/$place/$name
put_text "$(lock_identity $$)
$(now)
$watchers" "$mark.running" || fail "cannot write $mark.running"
at_exit end_command
run_command
