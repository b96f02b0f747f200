# shellcheck shell=sh
# How the node of a host is kept running: its environment, its manager, its log. Stands after node.sh.
#
# shellcheck disable=SC2034  # scripts that stand after this one read what it sets
#
# Environment variables come as `env_names` ("A B") and `env_1`, `env_2`, ..., one for each name.
: "${root:=}" "${app:=}" "${env_names:=}" "${wanted_node:=}" "${kind:=daemon}" "${scope:=}" "${unit:=}" "${sudo:=no}"
: "${log_file:=}"

# each_variable COMMAND...: calls it with NAME VALUE for each variable of the node's environment.
each_variable() {
  count=0
  for variable in $env_names; do
    count=$((count + 1))
    eval "\"\$@\" $variable \"\$env_$count\""
  done
}

# each_name_variable VERSION COMMAND...: the same for what gives the node its wanted name, in the way that the
# release's own start script understands. After find_name_slot.
each_name_variable() {
  named_version=$1
  shift
  if [ -z "$wanted_node" ]; then
    return
  elif ! is_mix "$named_version"; then
    [ -z "$name_slot" ] || "$@" "$name_slot" "$wanted_node"
    return
  fi
  "$@" RELEASE_NODE "$wanted_node"
  # A short name cannot have a dot behind its @, and a long one must.
  case $wanted_node in
    *@*.*) "$@" RELEASE_DISTRIBUTION name ;;
    *) "$@" RELEASE_DISTRIBUTION sname ;;
  esac
}

# find_name_slot VERSION: sets `name_slot`, the variable that relx's vm.args.src takes the node's name from; empty when
# vm.args gives the wanted name by itself. Declines a vm.args with another name: nothing else could change it.
find_name_slot() {
  name_slot=
  if [ -z "$wanted_node" ] || is_mix "$1"; then
    return
  fi
  vm_args=$root/releases/$1/vm.args.src
  [ -f "$vm_args" ] || vm_args=$root/releases/$1/vm.args
  fixed=$(sed -n 's/^-s\{0,1\}name  *//p' "$vm_args" 2>/dev/null | head -n 1)
  # shellcheck disable=SC2016  # relx expands it, not we
  name_slot=$(printf '%s' "$fixed" | sed -n 's/^\${\([A-Za-z_][A-Za-z0-9_]*\)[}:].*/\1/p')
  if [ -z "$name_slot" ] && [ "$fixed" != "$wanted_node" ]; then
    # shellcheck disable=SC2016
    decline "${vm_args##*/} fixes the node's name to ${fixed:-nothing}, and deliver.toml wants $wanted_node" \
      'write `-sname ${NODE_NAME}` (or -name) into vm.args.src, or leave out `node`'
  fi
}

# decline REASON HINT: ends the script as one that did nothing.
decline() {
  say outcome declined "$1" "$2"
  exit 0
}

export_variable() {
  export "$1=$2"
}

# put_locale: the prelude's own choice is not the node's, which without a UTF-8 locale reads and writes latin1.
put_locale() {
  unset LC_ALL
  LANG=${LANG:-C.UTF-8}
  export LANG
}

# put_environment VERSION: exports what the node of that version starts with. After find_name_slot.
put_environment() {
  each_name_variable "$1" export_variable
  each_variable export_variable
}

# detached COMMAND...: out of our process group, which ends with this script.
detached() {
  if command -v setsid >/dev/null; then
    setsid "$@"
  else
    "$@"
  fi
}

# daemon_verb: prints the command that starts it in the background; old scripts know only `start`.
daemon_verb() {
  if grep -Eq '^ *([a-z_]+\|)*daemon[|)]' "$root/bin/$app"; then
    echo daemon
  else
    echo start
  fi
}

# find_heart PID: sets `heart_pid`, the process that starts that node again when it dies; empty when there is none.
find_heart() {
  heart_pid=
  for entry in /proc/[0-9]*; do
    read -r comm 2>/dev/null <"$entry/comm" || continue
    [ "$comm" = heart ] || continue
    if tr '\0' ' ' 2>/dev/null <"$entry/cmdline" | grep -q -e "-pid $1 "; then
      heart_pid=${entry##*/}
    fi
  done
}

# manager ARGUMENT...: systemctl for the unit's scope.
manager() {
  if [ "$scope" = user ]; then
    systemctl --user "$@"
  else
    as_root systemctl "$@"
  fi
}

as_root() {
  if [ "$sudo" = yes ]; then
    sudo -n "$@"
  else
    "$@"
  fi
}

# A login without a session of its own does not tell where the user's manager is.
if [ "$scope" = user ]; then
  XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
  export XDG_RUNTIME_DIR
fi

# newest_log: prints the path of the log file that is written to now; nothing when there is none.
newest_log() {
  if [ -n "$log_file" ]; then
    case $log_file in
      /*) printf '%s\n' "$log_file" ;;
      \~/*) printf '%s\n' "$HOME/${log_file#??}" ;;
      *) printf '%s\n' "$root/$log_file" ;;
    esac
    return
  fi
  # shellcheck disable=SC2010,SC2012  # run_erl gives these names: erlang.log.1 and so on
  ls -t "$root"/tmp/log/erlang.log.* "$root"/log/erlang.log.* 2>/dev/null | grep '\.[0-9]*$' | head -n 1
}

# journal_of_unit OPTION...: what systemd keeps of the node's output.
journal_of_unit() {
  if [ "$scope" = user ]; then
    # Not with --user: where journals are not kept on disk, the system journal has these lines too.
    journalctl --no-pager -o cat --user-unit "$unit" "$@"
  else
    as_root journalctl --no-pager -o cat -u "$unit" "$@"
  fi
}

# last_lines COUNT: prints the last lines of the node's log.
last_lines() {
  if [ "$kind" = systemd ]; then
    journal_of_unit -n "$1" 2>&1
  else
    newest=$(newest_log)
    [ -z "$newest" ] || tail -n "$1" "$newest" 2>&1 | tr -d '\r'
  fi
}

# say_log: the last lines, for an error; of run_erl's logs only what came since it began to log.
say_log() {
  last_lines 200 | awk '
    /^===== LOGGING STARTED/ { count = 0 }
    !/^=====/ && NF { line[++count] = $0 }
    END { for (at = count > 30 ? count - 29 : 1; at <= count; at++) print line[at] }
  ' | say_lines
}

# say_lines: each line that it reads, for an error.
say_lines() {
  tr '\t' ' ' | while IFS= read -r logged || [ -n "$logged" ]; do
    say log "$logged"
  done
}
