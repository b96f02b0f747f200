# shellcheck shell=sh
# One look at a node and its host. Stands after node.sh and line.sh. Says `down`, or `silence REASON`, or `answer TEXT`;
# after an answer `truth TEXT`, that of the expressions in `truth`; and `command STATUS`.
: "${root:=}" "${exprs:=}" "${seconds:=5}" "${truth:=}" "${command:=}" "${line_status:=}"

find_root
if find_process; then
  say_answer answer 5 "$exprs"
  [ -z "$truth" ] || say_answer truth "$((seconds + 5))" "$truth"
else
  say down "$root"
fi
if [ -n "$command" ]; then
  run_line "$seconds"
  say command "$line_status"
fi
