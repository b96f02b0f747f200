# shellcheck shell=sh
# Evaluates Erlang expressions on the node. Stands after node.sh. Says `down`, or `silence REASON`, or `answer TEXT`.
: "${root:=}" "${exprs:=}" "${seconds:=60}"

find_root
if find_process; then
  say_answer answer "$seconds" "$exprs"
else
  say down "$root"
fi
