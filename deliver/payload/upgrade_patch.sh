# shellcheck shell=sh
# Has a program of the developers change a relup; it comes as a tar on stdin, with the files that they have for that.
# Stands after build_env.sh. Says `relup BASE64`.
: "${place:=}" "${root:=}" "${from:=}" "${to:=}" "${command:=}"

rm -rf "$place/patch"
{ mkdir -p "$place/patch" && cd "$place/patch"; } || fail "cannot make $place/patch"
tar -xof - || fail 'the files did not arrive whole'
DELIVER_FROM=$from DELIVER_TO=$to DELIVER_ROOT=$root DELIVER_RELUP=$place/patch/relup
export DELIVER_FROM DELIVER_TO DELIVER_ROOT DELIVER_RELUP
(LC_ALL=${steps_locale:-C} && export LC_ALL && exec sh -c "$command \"\$DELIVER_RELUP\"") </dev/null >&2
status=$?
[ "$status" -eq 0 ] || fail "it ended with $status"
[ -f relup ] || fail 'it left no relup'
say relup "$(base64 relup | tr -d '\n')"
