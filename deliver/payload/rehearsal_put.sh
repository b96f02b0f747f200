# shellcheck shell=sh
# Takes our compiled modules into the directory of a rehearsal; they come as a tar on stdin. Stands after the prelude.
: "${place:=}"

if ! { mkdir -p "$place/beams" && cd "$place/beams" && tar -xof -; }; then
  fail "our modules did not arrive whole in $place"
fi
