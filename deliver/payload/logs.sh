# shellcheck shell=sh
# Prints the last lines of the node's log, and goes on printing when asked to. Stands after service.sh.
: "${root:=}" "${kind:=daemon}" "${lines:=100}" "${follow:=no}" "${log_file:=}"

# follow_files: run_erl goes from erlang.log.1 to erlang.log.2 and so on, several times a second when much is logged.
follow_files() {
  followed=$(newest_log)
  shown=$(wc -c <"$followed")
  head -c "$shown" "$followed" | tail -n "$lines"
  while sleep 0.3 2>/dev/null || sleep 1; do
    later=$(later_logs)
    show_rest
    while IFS= read -r next; do
      [ -n "$next" ] || continue
      followed=$next
      shown=0
      show_rest
    done <<EOT
$later
EOT
  done
}

# show_rest: prints what was written to the followed file since; from its beginning when somebody has emptied it.
show_rest() {
  [ -f "$followed" ] || return 0
  size=$(wc -c <"$followed")
  [ "$size" -ge "$shown" ] || shown=0
  [ "$size" -gt "$shown" ] || return 0
  tail -c "+$((shown + 1))" "$followed" | head -c "$((size - shown))"
  shown=$size
}

# later_logs: prints the paths of run_erl's files that came after the followed one, also when that one is gone. Their
# times alone do not tell, for several are written within a tick of the kernel's clock.
later_logs() {
  [ -z "$log_file" ] || return 0
  place=${followed%/*}
  at=${followed##*.}
  while step_on && [ "$place/erlang.log.$at" != "$followed" ]; do
    printf '%s\n' "$place/erlang.log.$at"
  done
}

# step_on: whether run_erl went on from the number `at`; to the one that `at` is then. It counts, begins again at 1 after
# some number, and removes the file after the one that it begins.
step_on() {
  next=$((at + 1))
  if [ ! -f "$place/erlang.log.$next" ]; then
    next=1
    [ -f "$place/erlang.log.1" ] || return 1
    [ ! -f "$place/erlang.log.$at" ] ||
      [ -n "$(find "$place/erlang.log.1" -newer "$place/erlang.log.$at" 2>/dev/null)" ] || return 1
  fi
  at=$next
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
