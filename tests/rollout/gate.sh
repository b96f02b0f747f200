#!/bin/sh
# gate.sh STEP: what a test gives a roll as each of its command lines. It writes down that the step has come, and waits for
# as long as the file `closed` beside it has a line for the step and its host.
place=${0%/*}
here="$1 ${DELIVER_HOST:-}"
echo "$here" >>"$place/came"
while grep -qxF -e "$here" "$place/closed" 2>/dev/null; do
  echo "$here" >"$place/waits"
  sleep 0.02
done
