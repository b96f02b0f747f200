# shellcheck shell=sh
# Evaluates Erlang expressions on the node. Stands after node.sh. Says `down`, or `silence REASON`, or `answer TEXT`.
: "${root:=}" "${exprs:=}" "${seconds:=60}" "${silence:=}"

find_root
if ! find_process; then
  say down "$root"
elif ! prepare_ask; then
  say silence "$silence"
elif answer=$(ask "$seconds" "$exprs"); then
  say answer "$(printf '%s' "$answer" | tr -d '\n\t')"
else
  say silence "$(printf '%s' "${answer:-it did not answer within $seconds s}" | tail -n 1 | tr '\n\t' '  ')"
fi
