# shellcheck shell=sh
# Makes the directory of a rehearsal, and keeps it for as long as lines come on stdin. When they end, or when nobody has
# written for two minutes, or when this script is ended: kills everything that runs out of the directory, and removes
# it. So nothing outlives the operator's side, however that ends. Stands after lock.sh and node.sh. Says
# `place DIRECTORY`.
: "${path:=}" "${app:=}" "${token:=}" "${beside:=no}" "${root:=}" "${watchers:=}"

# inhabitants DIRECTORY: prints the processes whose command line or environment names something in it: nodes, and all
# that they have started. An epmd of the system's own is known by its environment alone.
inhabitants() {
  # shellcheck disable=SC2062  # files
  printf '%s/\n' "$1" | grep -lzsF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ | cut -d / -f 3 | sort -u
}

# clear_out DIRECTORY: heart may bring up a node once more while others are being ended.
clear_out() {
  tries=0
  while [ "$tries" -lt 50 ]; do
    found=$(inhabitants "$1")
    [ -n "$found" ] || break
    # shellcheck disable=SC2086  # a list of process ids
    kill -KILL $found 2>/dev/null
    tries=$((tries + 1))
    nap
  done
  rm -rf "$1" || fail "$1 could not be removed"
  [ -z "$found" ] || fail "some of what ran in $1 could not be ended: processes $(printf '%s' "$found" | tr '\n' ' ')"
}

# clear_forsaken: what keepers that were killed, or whose machine went down, have left.
clear_forsaken() {
  for forsaken in "$rehearsals"/*/; do
    forsaken=${forsaken%/}
    if [ ! -d "$forsaken" ] || is_kept "$forsaken"; then
      continue
    fi
    printf 'deliver: clearing %s, which a rehearsal has left\n' "$forsaken" >&2
    (clear_out "$forsaken")
  done
}

# is_kept DIRECTORY: one without an owner may be just being made.
is_kept() {
  for owner in "$1"/owner.*; do
    [ -d "$owner" ] || continue
    lock_lives "${owner##*/owner.}"
    return
  done
  [ -z "$(find "$1" -maxdepth 0 -mmin +10)" ]
}

leave_nothing() {
  clear_out "$place"
  rmdir "$rehearsals" 2>/dev/null
}

listen() {
  while IFS= read -r _; do
    : >"$place/heard"
  done
}

# end_silence PID: a connection may be lost without anybody's notice.
end_silence() {
  while [ -n "$(find "$place/heard" -mmin -2)" ]; do
    sleep 10
  done
  kill "$1"
}

find_root
rehearsals=$root/rehearsals
[ "$beside" = no ] || rehearsals=$root-rehearsals
clear_forsaken
place=$rehearsals/$token
at_exit leave_nothing
(umask 077 && mkdir -p "$rehearsals" && mkdir "$place" "$place/owner.$(lock_identity $$)") ||
  fail "cannot make $place: this user may not write there"
: >"$place/heard"
say place "$place"
exec 3<&0 </dev/null
listen <&3 >/dev/null 2>&1 &
listener=$!
end_silence "$listener" >/dev/null 2>&1 &
watchers="$watchers $listener $!"
exec 3<&-
wait "$listener"
