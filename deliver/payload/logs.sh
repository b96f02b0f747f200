# shellcheck shell=sh
# Prints the last lines of the node's log, and goes on printing when asked to. Stands after service.sh.
: "${root:=}" "${kind:=daemon}" "${lines:=100}" "${follow:=no}" "${log_file:=}"

# follow_files: run_erl goes from erlang.log.1 to erlang.log.2 and so on: look each second which one is written to.
follow_files() {
  followed=$(newest_log)
  tail -n "$lines" -f "$followed" &
  reader=$!
  while sleep 1; do
    newest=$(newest_log)
    if [ "$newest" != "$followed" ] && [ -n "$newest" ]; then
      kill "$reader" 2>/dev/null
      followed=$newest
      tail -n +1 -f "$followed" &
      reader=$!
    fi
  done
}

find_root
if [ "$kind" = systemd ]; then
  if [ "$follow" = yes ]; then
    journal_of_unit -n "$lines" -f
  else
    last_lines "$lines"
  fi
  exit
fi
[ -f "$(newest_log)" ] || fail "no log of the node is there: ${log_file:-$root/tmp/log and $root/log have none}"
if [ "$follow" = yes ]; then
  follow_files
else
  last_lines "$lines"
fi
