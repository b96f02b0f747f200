# shellcheck shell=sh
# Compiles our Erlang for the runtime system of this build host; the sources come as a tar on stdin. Stands after
# build_env.sh and node.sh. Says `place DIRECTORY`, where all of a rehearsal lives, then `beam NAME BASE64` for each.
: "${path:=}" "${app:=}" "${token:=}" "${root:=}"

find_root
rehearsals=$root/rehearsals
# What a rehearsal that was killed has left here: nobody rehearses for half a day.
find "$rehearsals" -mindepth 1 -maxdepth 1 -type d -mmin +720 -exec rm -rf {} + 2>/dev/null
place=$rehearsals/$token
(umask 077 && mkdir -p "$place/beams" "$place/sources") || fail "cannot make $place"
compiled=no
discard_failure() {
  [ "$compiled" = yes ] || rm -rf "$place"
}
at_exit discard_failure
say place "$place"
{ cd "$place/sources" && tar -xf -; } || fail 'the sources did not arrive whole'
for tool in erl erlc; do
  command -v "$tool" >/dev/null || fail "$tool is not installed on this build host"
done
erlc -Werror -o ../beams ./*.erl >&2 || fail 'our own Erlang does not compile on this build host'
for beam in ../beams/*.beam; do
  name=${beam##*/}
  say beam "${name%.beam}" "$(base64 "$beam" | tr -d '\n')"
done
compiled=yes
