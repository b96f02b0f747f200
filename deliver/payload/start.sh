# shellcheck shell=sh
# Starts the node, and returns when it answers and all its applications run. Stands after service.sh.
#
# Says `outcome` with one of: running PID VERSION | started PID VERSION | declined REASON HINT | crashed REASON |
# silent PID REASON | absent REASON, and then `log` lines where that helps.
: "${root:=}" "${app:=}" "${kind:=daemon}" "${heart:=no}" "${unit:=}" "${start_command:=}" "${seconds:=60}"
: "${ready:=}" "${holder:=}" "${wait:=5}" "${pid:=}" "${booted:=}" "${silence:=}" "${private:=}" "${scope:=}"

# check_installed: sets `version`, what would boot.
check_installed() {
  version=$(permanent_version)
  [ -n "$version" ] || decline "no version is set to start at $root" 'deploy one first: deploy-release --start'
  [ -d "$root/releases/$version" ] || decline "version $version is to start, but $root/releases/$version is not there" \
    "deploy it again: deploy-release --version $version"
  if [ -d "$root/.deliver/versions/$version" ] && [ ! -s "$root/releases/RELEASES" ]; then
    decline "$root/releases/RELEASES is missing: hot upgrades would not work" \
      "deploy it again: deploy-release --version $version --start"
  fi
}

# launch: begins to start the node, in the background; `launched` appears with the exit status.
launch() {
  (
    begin >"$private/said" 2>&1
    echo $? >"$private/launched"
  ) &
}

begin() (
  cd "$root" || exit
  # The prelude's own choice; a node without a UTF-8 locale reads and writes latin1.
  unset LC_ALL
  LANG=${LANG:-C.UTF-8}
  export LANG
  case $kind in
    systemd)
      manager reset-failed "$unit" 2>/dev/null
      manager start "$unit"
      ;;
    command)
      put_environment
      detached sh -c "$start_command"
      ;;
    *)
      put_environment
      [ "$heart" = no ] || put_heart
      "$root/bin/$app" "$(daemon_verb)"
      ;;
  esac
)

put_environment() {
  each_name_variable "$version" export_variable
  each_variable export_variable
}

put_heart() {
  quoted=$(printf '%s' "$root/bin/$app" | sed "s/'/'\\\\''/g")
  # shellcheck disable=SC2089  # heart gives it to a shell
  HEART_COMMAND="'$quoted' $(daemon_verb)"
  ERL_ZFLAGS="${ERL_ZFLAGS:+$ERL_ZFLAGS }-heart"
  # shellcheck disable=SC2090
  export HEART_COMMAND ERL_ZFLAGS
}

# detached COMMAND...: out of our process group, which ends with this script.
detached() {
  if command -v setsid >/dev/null; then
    setsid "$@"
  else
    "$@"
  fi
}

# await: returns when the node is ready; ends the script when it never will be, or not in time.
await() {
  ends=$(($(date +%s) + seconds))
  alive=$(date +%s)
  until is_ready; do
    now=$(date +%s)
    if [ -n "$pid" ] || lives; then
      alive=$now
    elif [ $((now - alive)) -ge "$patience" ]; then
      crashed 'it ended while it booted'
    fi
    [ "$now" -lt "$ends" ] || overdue
    nap
  done
}

# is_ready: one look at the process, and one question to the node.
is_ready() {
  if [ -z "$pid" ] || ! is_alive "$pid"; then
    find_process || return 1
    meet
  fi
  if is_suspended "$pid"; then
    last=$silence
    return 1
  fi
  answer=$(ask 5 "$ready")
  case $answer in
    *'{ok, "ready"}'* | *'{ok,"ready"}'*) return 0 ;;
  esac
  last=$answer
  return 1
}

# meet: a process that was not there before; a third one means that something restarts a node that cannot boot.
meet() {
  case $seen in
    *' '*' '*) crashed 'it ended three times while it booted' ;;
  esac
  seen="$seen $pid"
  prepare_ask || end_with silent "$pid" "$silence"
}

# lives: whether somebody is still about to bring the process up.
lives() {
  [ "$outcome" = started ] || return 1
  if [ -f "$private/launched" ] && [ "$(cat "$private/launched")" != 0 ]; then
    result=failed
    say outcome crashed "its start command failed: $(tail -n 5 "$private/said" | tr '\n\t' '  ')"
    exit 0
  fi
  case $kind in
    systemd)
      case $(manager is-active "$unit") in
        active | activating | reloading | deactivating) return 0 ;;
        *) return 1 ;;
      esac
      ;;
    command) [ ! -f "$private/launched" ] ;;
    *)
      if [ -z "$seen" ] && [ ! -f "$private/launched" ]; then
        return 0
      fi
      has_run_erl
      ;;
  esac
}

# has_run_erl: whether our run_erl, which lives as long as the node or the script that becomes it, is there.
has_run_erl() {
  for entry in /proc/[0-9]*; do
    read -r comm 2>/dev/null <"$entry/comm" || continue
    [ "$comm" = run_erl ] || continue
    tr '\0' '\n' 2>/dev/null <"$entry/cmdline" | grep -qF -e "$root/" && return 0
  done
  return 1
}

# end_with OUTCOME...: the node did not come up; its log may tell why.
end_with() {
  result=failed
  say outcome "$@"
  say_log
  exit 0
}

crashed() {
  end_with crashed "$1"
}

overdue() {
  if [ -n "$pid" ]; then
    end_with silent "$pid" "$(printf '%s' "${last:-it does not answer}" | tail -n 1 | tr '\n\t' '  ')"
  else
    end_with absent "$(tail -n 5 "$private/said" 2>/dev/null | tr '\n\t' '  ')"
  fi
}

# relx's script comes back only when it has seen the node itself, and has hooks to run then.
await_launcher() {
  until [ -f "$private/launched" ] || [ "$(date +%s)" -ge "$ends" ]; do
    nap
  done
}

end_start() {
  [ "$result" = none ] || journal start "$version" "$result"
}

find_root
check_installed
find_name_slot "$version"
make_private
patience=2
[ "$heart" = no ] || patience=15
result=none seen='' last=''
take_lock "$root/.deliver/lock" "$holder" "$wait"
at_exit end_start
if find_process; then
  outcome=running
  meet
else
  outcome=started
  result=unknown
  launch
fi
await
if [ "$outcome" = started ]; then
  result=ok
  await_launcher
fi
say outcome "$outcome" "$pid" "$booted"
