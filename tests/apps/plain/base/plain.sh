#!/bin/sh
# Starts the release that start_erl.data names: plain.sh foreground | daemon
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
read -r erts version <"$root/releases/start_erl.data"
ROOTDIR=$root
BINDIR=$root/erts-$erts/bin
EMU=beam
PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
set -- "$1" -boot "$root/releases/$version/start" -args_file "$root/releases/$version/vm.args"
case $1 in
  foreground) shift && exec "$BINDIR/erlexec" "$@" -noinput ;;
  daemon) shift && exec "$BINDIR/erlexec" "$@" -noinput -detached ;;
  *) echo "usage: plain foreground | daemon" >&2 && exit 64 ;;
esac
