# shellcheck shell=sh
# Has our Erlang read what developers say of a pair; the files come as a tar on stdin, with the request. Stands after
# erlang.sh. Says `word JSON`.
: "${beams:=}" "${place:=}" "${word:=}" "${appup_exs:=}"

{ mkdir -p "$place/$word" && cd "$place/$word"; } || fail "cannot make $place/$word"
tar -xof - || fail 'the files did not arrive whole'
for file in *.exs; do
  [ -e "$file" ] || continue
  command -v elixir >/dev/null || fail 'elixir is not installed on this host, and an appup is written in it'
  printf '%s\n' "$appup_exs" >appup.evaluate
  # What it says when it fails is told as what the file has in it.
  if LC_ALL=${steps_locale:-C} elixir appup.evaluate "$file" >"$file.term" 2>"$file.failed" </dev/null; then
    rm -f "$file.failed"
  fi
done
told=$(
  erlang +S 2 +fnu -noinput -pa "$beams" -eval 'deliver_word:main(["request"]), halt(0)' </dev/null
) || fail 'what developers say of the upgrade cannot be read'
say word "$told"
