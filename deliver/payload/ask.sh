# shellcheck shell=sh
# Evaluates Erlang expressions on the node. Stands after node.sh. Says `down`, or `silence REASON`, or `answer TEXT`.
: "${root:=}" "${pid:=}" "${exprs:=}" "${seconds:=60}" "${silence:=}"

find_root
if ! find_process; then
  say down "$root"
elif is_suspended "$pid" || ! prepare_ask; then
  say silence "$silence"
elif answer=$(ask "$seconds" "$exprs"); then
  say answer "$(printf '%s' "$answer" | tr -d '\n\t')"
else
  # Otherwise erl_call repeats all that it was given.
  case $answer in
    'erl_call: evaluating input failed'*) answer='it ended, or could not go on, while it evaluated' ;;
  esac
  say silence "$(printf '%s' "${answer:-it did not answer within $seconds s}" | tail -n 1 | tr '\n\t' '  ')"
fi
