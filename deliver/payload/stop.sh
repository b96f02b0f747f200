# shellcheck shell=sh
# Stops the node, and returns when its process is gone. Stands after service.sh.
#
# Says `outcome` with one of: down | stopped PID | killed PID | declined REASON HINT | silent PID REASON | late PID.
: "${root:=}" "${kind:=daemon}" "${unit:=}" "${stop_command:=}" "${seconds:=60}" "${force:=no}" "${holder:=}" "${wait:=5}"
: "${pid:=}" "${booted:=}" "${silence:=}" "${private:=}" "${heart_pid:=}"

# request: asks the node to end, in the way of its service; whether that was heard. Sets `silence` when not.
request() {
  case $kind in
    systemd)
      # Whoever stops the process alone would see it started again. A node from before the unit is not systemd's.
      if manager is-active --quiet "$unit"; then
        manager stop --no-block "$unit" 2>"$private/said" && return 0
        silence="systemctl stop $unit failed: $(tr '\n\t' '  ' <"$private/said")"
        return 1
      fi
      ;;
    command)
      if [ -n "$stop_command" ]; then
        stop_by_command >"$private/said" 2>&1 && return 0
        silence="its stop command failed: $(tail -n 5 "$private/said" | tr '\n\t' '  ')"
        return 1
      fi
      ;;
  esac
  if is_suspended "$victim" || ! prepare_ask; then
    return 1
  fi
  # Under heart this is a wish that heart respects: it does not start the node again.
  answer=$(ask 10 'init:stop().')
  case $answer in
    *'{ok,'*) return 0 ;;
  esac
  silence=$(printf '%s' "${answer:-it did not answer within 10 s}" | tail -n 1 | tr '\n\t' '  ')
  return 1
}

stop_by_command() (
  cd "$root" || exit
  each_variable export_variable
  speak_for_node
  sh -c "$stop_command"
)

# await_end SECONDS: whether the process ends within that time.
await_end() {
  ends=$(($(date +%s) + $1))
  while is_alive "$victim"; do
    [ "$(date +%s)" -lt "$ends" ] || return 1
    nap
  done
}

# stay_down: whether nothing starts the node again, as heart would when it took the end for a crash.
stay_down() {
  ends=$(($(date +%s) + 5))
  while [ -n "$heart_pid" ] && is_alive "$heart_pid" && [ "$(date +%s)" -lt "$ends" ]; do
    nap
  done
  ! find_process
}

# kill_it: ends the process without asking it, and heart before it.
kill_it() {
  [ -z "$heart_pid" ] || kill -KILL "$heart_pid" 2>/dev/null
  kill -KILL "$victim" 2>"$private/said" || finish declined "process $victim could not be killed: $(cat "$private/said")" \
    'stop it as the user it belongs to'
  await_end 10 || finish late "$victim"
  finish killed "$victim"
}

# finish OUTCOME...: says how it ended, here and in the journal.
finish() {
  case $1 in
    stopped) journal stop "$version" ok ;;
    killed) journal stop "$version" killed ;;
    *) journal stop "$version" failed ;;
  esac
  say outcome "$@"
  exit 0
}

find_root
if ! find_process; then
  say outcome down
  exit 0
fi
make_private
take_lock "$root/.deliver/lock" "$holder" "$wait"
victim=$pid version=$booted
find_heart "$victim"
# One that died meanwhile did not answer, and is what was wanted.
if ! request && is_alive "$victim"; then
  [ "$force" = no ] || kill_it
  finish silent "$victim" "$silence"
fi
if ! await_end "$seconds"; then
  [ "$force" = no ] || kill_it
  finish late "$victim"
fi
if ! stay_down; then
  finish silent "$pid" 'something started it again at once'
fi
finish stopped "$victim"
