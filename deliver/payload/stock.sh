# shellcheck shell=sh
# What shipping needs to know of a host besides its facts. Stands after lock.sh. Expects: root; manifests (versions, a line each, whose
# manifests are to be told); inventory (yes: tell what lies in the release's directory); cookie (the file that
# holds it, or nothing); erts (yes: tell which ERTS the host itself has).
# Says: `cookie VALUE`, `writable no PATH`, `locked HOLDER`, `erts VERSION`, `line VERSION LINE`, `mode MODE SIZE PATH`,
# `link PATH TARGET`, `sha SHA256 PATH`, and `pending PATH` for what a push that did not end has put in place: the
# next one takes it back.
: "${root:=}" "${manifests:=}" "${inventory:=no}" "${cookie:=}" "${erts:=no}" "${tab:=}"

say_writable() {
  place=$root
  while [ ! -e "$place" ]; do
    place=${place%/*}
    [ -n "$place" ] || place=/
  done
  { [ -d "$place" ] && [ -w "$place" ]; } || say writable no "$place"
}

# Whoever died with the lock keeps nobody out.
say_locked() {
  lock_dir="$root/.deliver/lock"
  for owner in "$lock_dir"/owner.*; do
    [ -d "$owner" ] && lock_lives "${owner##*/owner.}" && say locked "$(lock_holder_now)"
  done
}

say_manifest() {
  file="$root/.deliver/versions/$1/manifest"
  [ -f "$file" ] || return 0
  while IFS= read -r text; do
    printf 'line%s%s%s%s\n' "$tab" "$1" "$tab" "$text"
  done <"$file"
}

say_inventory() {
  cd "$root" 2>/dev/null || return 0
  for push in .deliver/incoming/*; do
    [ -f "$push/placing" ] && [ -d "$push/version" ] && sed "s/^\.\//pending$tab/" "$push/placing"
  done
  for place in lib erts-* releases/* bin; do
    [ -d "$place" ] || continue
    find "$place" -type f -exec stat -c "mode$tab%a$tab%s$tab%n" {} + 2>/dev/null
    find "$place" -type l -exec sh -c 'for link; do printf "link\t%s\t%s\n" "$link" "$(readlink "$link")"; done' sh {} +
    find "$place" -type f -exec sha256sum {} + 2>/dev/null | sed "s/^\([0-9a-f]*\) [ *]/sha$tab\1$tab/"
  done
}

say_writable
say_locked
if [ -n "$cookie" ] && [ -s "$cookie" ]; then
  say cookie "$(cat "$cookie")"
fi
if [ "$erts" = yes ]; then
  say erts "$(erl -noshell -boot start_clean -eval 'io:put_chars(erlang:system_info(version)), halt().' 2>/dev/null)"
fi
printf '%s\n' "$manifests" | while IFS= read -r one; do
  [ -z "$one" ] || say_manifest "$one"
done
[ "$inventory" != yes ] || say_inventory
