# shellcheck shell=sh
# Kills the node of a rehearsal as a power cut would. Stands after node.sh.
: "${pid:=}"

find_root
find_process || fail 'the node does not run'
kill -KILL "$pid"
tries=0
while is_alive "$pid" && [ "$tries" -lt 100 ]; do
  tries=$((tries + 1))
  nap
done
