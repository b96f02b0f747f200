# shellcheck shell=sh
# Asks HAProxy's runtime API at a socket of this host, by whatever can speak to one. Stands after the prelude.
: "${socket:=}" "${request:=}"

# shellcheck disable=SC2016  # Perl's
by_perl='
  socket($peer, AF_UNIX, SOCK_STREAM, 0) && connect($peer, pack_sockaddr_un($ARGV[0])) or die "$!\n";
  send($peer, "$ARGV[1]\n", 0);
  shutdown($peer, 1);
  print while <$peer>;
'
by_python='
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(sys.argv[2].encode() + b"\n")
peer.shutdown(socket.SHUT_WR)
for piece in iter(lambda: peer.recv(65536), b""):
    sys.stdout.buffer.write(piece)
'

exchange() {
  if command -v socat >/dev/null; then
    printf '%s\n' "$request" | socat -t 10 - "UNIX-CONNECT:$socket"
  elif perl -MSocket -e 1 2>/dev/null; then
    perl -MSocket -e "$by_perl" -- "$socket" "$request"
  elif command -v python3 >/dev/null; then
    python3 -c "$by_python" "$socket" "$request"
  elif nc -h 2>&1 | grep -q -e '-[0-9A-Za-z]*U'; then
    printf '%s\n' "$request" | nc -U "$socket"
  else
    fail "nothing here can speak to $socket: it needs socat, perl, python3 or an nc that knows -U"
  fi
}

[ -S "$socket" ] || fail "$socket is no socket here"
[ -w "$socket" ] || fail "this user, $(id -un), may not write to $socket"
exchange || fail "HAProxy did not answer at $socket"
