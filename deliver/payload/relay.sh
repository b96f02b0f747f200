# shellcheck shell=sh
# Passes a stream on to other hosts, and to its own: the stream comes but once over the operator's line. Stands after the
# prelude. Expects root, and `control`: the bytes at the beginning of stdin that are a tar with, for each target N,
# `N.to` (address, port, user and the name of its key; or `here`), `N.command`, and `N.wire`, which goes before the stream;
# and `known_hosts`. All that follows is the stream.
#
# Says `result N STATUS STDOUT STDERR`, both in base64, for each; a status of 255, 127 or 126 is that of `ssh`, or its lack.
: "${root:=}" "${control:=}" "${tab:=}"

# deliver_to N: gives the stream to one target; what comes of it is in N.out, N.err and N.status.
deliver_to() {
  IFS=$tab read -r address port user key <"$1.to"
  if [ "$address" = here ]; then
    cat "$1.wire" stream | sh -c "$(cat "$1.command")" >"$1.out" 2>"$1.err"
  else
    cat "$1.wire" stream | ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$place/known_hosts" \
      -o GlobalKnownHostsFile=/dev/null -o "HostKeyAlias=$key" -o ConnectTimeout=10 -o ServerAliveInterval=10 \
      -o LogLevel=ERROR -p "$port" -l "$user" "$address" "$(cat "$1.command")" >"$1.out" 2>"$1.err"
  fi
  echo $? >"$1.status"
}

# What relays that were killed have left.
find "$root/.deliver" -maxdepth 1 -name 'relay.*' -mtime +0 -exec rm -rf {} + 2>/dev/null
mkdir -p "$root/.deliver" || fail "cannot make $root/.deliver"
place=$(umask 077 && mktemp -d "$root/.deliver/relay.XXXXXX") || fail "cannot make a directory in $root/.deliver"
# shellcheck disable=SC2016  # it expands at exit
at_exit 'rm -rf "$place"'
cd "$place" || fail "$place is gone"
dd bs="$control" count=1 iflag=fullblock 2>/dev/null | tar -xof - || fail 'the list of hosts did not arrive whole'
cat >stream || fail "the stream did not arrive whole"
for to in *.to; do
  deliver_to "${to%.to}" &
  running="${running:-} $!"
done
# shellcheck disable=SC2086  # a list of numbers; the watchers are not waited for
wait $running
for to in *.to; do
  target=${to%.to}
  say result "$target" "$(cat "$target.status")" "$(base64 <"$target.out" | tr -d '\n')" \
    "$(tail -c 4000 "$target.err" | base64 | tr -d '\n')"
done
