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

# later_logs: prints the paths of run_erl's files that came after the followed one; all when that one is gone.
later_logs() {
  [ -z "$log_file" ] || return 0
  # shellcheck disable=SC2012  # run_erl gives these names
  ls -tr "$root"/tmp/log/erlang.log.* "$root"/log/erlang.log.* 2>/dev/null |
    followed=$followed awk '
      $0 == ENVIRON["followed"] { count = 0; next }
      { line[++count] = $0 }
      END { for (at = 1; at <= count; at++) print line[at] }
    '
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
