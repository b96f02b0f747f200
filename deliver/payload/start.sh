# shellcheck shell=sh
# Starts the node, and returns when it answers and all its applications run. Stands after service.sh.
#
# Says `outcome` with one of: running PID VERSION | started PID VERSION | declined REASON HINT | crashed REASON |
# silent PID REASON | absent REASON | unwatched PID, and then `log` lines where that helps.
: "${root:=}" "${app:=}" "${kind:=daemon}" "${heart:=no}" "${heart_pid:=}" "${unit:=}" "${env_names:=}"
: "${start_command:=}" "${seconds:=60}" "${ready:=}" "${holder:=}" "${wait:=5}" "${pid:=}" "${booted:=}" "${silence:=}" "${private:=}" "${scope:=}"

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
  put_locale
  case $kind in
    systemd)
      manager reset-failed "$unit" 2>/dev/null
      manager start "$unit"
      ;;
    command)
      put_environment "$version"
      detached sh -c "$start_command"
      ;;
    *)
      put_environment "$version"
      if [ "$heart" = yes ]; then
        begin_under_heart
      else
        "$root/bin/$app" "$(daemon_verb)"
      fi
      ;;
  esac
)

# begin_under_heart: gives `-heart` to the node alone. A variable such as ERL_ZFLAGS would give it to every other Erlang
# that the release's script or the node itself runs, and heart would start a new node whenever one of them ends.
begin_under_heart() {
  if is_mix "$version"; then
    HEART_COMMAND=$(mix_heart_command)
    export HEART_COMMAND
    sh -c "$HEART_COMMAND"
  else
    # relx makes a HEART_COMMAND of its own, with these words.
    "$root/bin/$app" "$(daemon_verb)" -heart
  fi
}

# mix_heart_command: prints what starts the node under heart, now and whenever heart does: with the vm.args of the
# version that is to boot by then.
mix_heart_command() {
  quoted="'$(printf '%s' "$root" | sed "s/'/'\\\\''/g")'"
  cat <<EOT
cd $quoted && mkdir -p tmp && (
  umask 077 && version=\$(cut -d ' ' -f 2 releases/start_erl.data) &&
    { cat "releases/\$version/vm.args" && printf '\n-heart\n-env RELEASE_VM_ARGS ""\n'; } >tmp/heart.vm.args
) && exec env RELEASE_VM_ARGS=$quoted/tmp/heart.vm.args bin/'$app' daemon
EOT
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
  last=$(printf '%s' "$answer" | sed 's/^.*{ok, *"\(.*\)"}.*$/\1/')
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
case " $heart $env_names " in
  *' yes '*' RELEASE_VM_ARGS '*) decline 'heart needs RELEASE_VM_ARGS, which the environment of this host sets' \
    'leave out one of them' ;;
esac
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
  if [ "$heart" = yes ]; then
    find_heart "$pid"
    [ -n "$heart_pid" ] || end_with unwatched "$pid"
  fi
fi
say outcome "$outcome" "$pid" "$booted"
