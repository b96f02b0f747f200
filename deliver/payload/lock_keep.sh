# shellcheck shell=sh
# Takes the lock of an environment, and keeps it for as long as lines come on stdin. When they end, when nobody has
# written for a while, or when this script is ended, the lock is free. Stands after lock_environment.sh.
#
# Says `open TOKEN`, of who had it before; then `held` for each line `ask`. The line `keep` leaves the lock to a person;
# `end` ends. When somebody took the lock away: `lost LINE`, of the journal, which tells who. A holder with the token of
# the present one is the same, and gets it.
: "${root:=}" "${environment:=}" "${environment_lock:=}" "${environment_last:=}" "${lock_dir:=}" "${lock_owner:=}"
: "${holder:=}" "${token:=}" "${silence:=60}" "${watchers:=}"

# claim_own: what an earlier script of the same holder has, dead or alive.
claimed=no
claim_own() {
  grep -qF -e "\"token\":\"$token\"" "$environment_lock/holder" 2>/dev/null || return 0
  for found in "$environment_lock"/owner.*; do
    [ -d "$found" ] || continue
    mv "$found" "$environment_lock/owner.$(lock_identity $$)" 2>/dev/null && claimed=yes
  done
}

# sign FILE: new files might find no room, these are there.
sign() {
  { true >"$mine/$1"; } 2>/dev/null
}

# end_silence PID: a connection may be lost without anybody's notice.
end_silence() {
  trap 'kill $! 2>/dev/null; exit 0' TERM
  while sign mark; do
    sleep "$silence" &
    wait $!
    [ -n "$(find "$mine/heard" -newer "$mine/mark" 2>/dev/null)" ] || break
  done
  kill "$1"
}

who_freed() {
  grep -F -e "\"environment\":\"$environment\"" "$root/.deliver/journal" 2>/dev/null | grep '"action":"unlock"' | tail -n 1
}

find_environment_lock
claim_own
take_lock "$environment_lock" "$holder" 0
check_format
[ "$claimed" = no ] || lock_describe "$lock_dir"
mine=$lock_dir/owner.$lock_owner
before=$(last_token)
attempt 'writing who has the lock' put_text "$token" "$environment_last"
attempt 'writing into the lock' sign heard
attempt 'writing into the lock' sign mark
end_silence $$ </dev/null >/dev/null 2>&1 &
watchers="$watchers $!"
say open "$before"
while IFS= read -r word; do
  if [ ! -d "$mine" ]; then
    say lost "$(who_freed)"
    exit 0
  fi
  sign heard
  case $word in
    ask) say held ;;
    keep)
      rm -f "$mine/heard" "$mine/mark"
      mv "$mine" "$lock_dir/owner.person.$token" && say kept
      break
      ;;
    end) break ;;
  esac
done
