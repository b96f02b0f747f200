#!/bin/sh
# Asks a rehearsed node of a case whether it is as it should be.
#
#     probe.sh CASE/probe OLD-VERSION
#
# Files in CASE/probe, Elixir (.exs) or Erlang (.erl expressions), each of which must come to `true`:
#     old, new   whenever the node runs that version
#     fresh      on each fresh node, after `old` or `new`: makes it work as its users would
#     fill       on the fresh old node, after `old`: puts something into the state of its processes
#     kept       after each upgrade and downgrade: what `fill` put there is still there
set -eu
probes=$1
old=$2
asked=0

erl_call=$(find "$DELIVER_ROOT"/erts-*/bin -name erl_call | head -n 1)
[ -n "$erl_call" ] || erl_call=erl_call
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
printf %s "$RELEASE_COOKIE" >"$HOME/.erlang.cookie"
chmod 400 "$HOME/.erlang.cookie"

# holds NAME: whether that probe comes to true, or there is none.
holds() {
  for file in "$probes/$1".*; do
    case $file in
      *.exs) call="element(1, 'Elixir.Code':eval_file(<<\"$file\">>))" ;;
      *.erl) call="element(2, file:script(\"$file\"))" ;;
      *) continue ;;
    esac
    asked=$((asked + 1)) # a name of its own: the node may not have seen yet that the last client is gone
    said=$(printf '%s.\n' "try $call catch C:R:S -> {C, R, S} end" |
      "$erl_call" "-${RELEASE_DISTRIBUTION:-sname}" "$RELEASE_NODE" -h "probe$$_$asked" -e)
    if [ "$said" != '{ok, true}' ]; then
      printf '%s of %s: %s\n' "${file##*/}" "$DELIVER_STAGE" "$said"
      exit 1
    fi
  done
}

case $DELIVER_VERSION in
  "$old") holds old ;;
  *) holds new ;;
esac
[ "$DELIVER_STAGE" != fresh ] || holds fresh
case "$DELIVER_STAGE $DELIVER_VERSION" in
  "fresh $old") holds fill ;;
  *upgrade* | *downgrade*) holds kept ;;
esac
