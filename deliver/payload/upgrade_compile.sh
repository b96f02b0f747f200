# shellcheck shell=sh
# Compiles our Erlang for the runtime system of this build host; the sources come as a tar on stdin. Stands after
# build_env.sh and node.sh. Says `beam NAME BASE64` for each.
: "${private:=}"

make_private
{ cd "$private" && tar -xof -; } || fail 'the sources did not arrive whole'
for tool in erl erlc; do
  command -v "$tool" >/dev/null || fail "$tool is not installed on this build host"
done
erlc -Werror ./*.erl >&2 || fail 'our own Erlang does not compile on this build host'
for beam in *.beam; do
  say beam "${beam%.beam}" "$(base64 "$beam" | tr -d '\n')"
done
cd /
