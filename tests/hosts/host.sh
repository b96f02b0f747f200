#!/bin/sh
# The life of one host: `host.sh boot DIRECTORY NAME` on the real machine becomes `host.sh init ...`, process 1 of the host.
#
# stdout says `made` when the namespaces are there; then a line on stdin tells that the network card is, and brings the
# host's address; then stdout says `up`. `host.sh sshd` starts the sshd of a host in which it is run.
set -eu

boot() {
  exec unshare --net --mount --uts --ipc --pid --fork --kill-child=KILL --mount-proc --propagation private \
    -- /bin/sh "$0" init "$directory" "$name"
}

private_disk() {
  for place in etc srv home root tmp var/tmp var/log; do
    mount --bind "$directory/disk/$place" "/$place"
  done
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/sshd
  mkdir -m 1777 /run/lock
  # Hides the disks of all hosts, also this one's, from its processes.
  mount -t tmpfs -o mode=700 tmpfs "${directory%/*/*/*}"
}

network() {
  ip -batch - <<COMMANDS
link set lo up
addr add $address dev eth0
link set eth0 up
COMMANDS
}

# Returns when connections are taken.
sshd() {
  rm -f /run/sshd.pid
  /usr/sbin/sshd -E /var/log/sshd.log
  tries=0
  until [ -s /run/sshd.pid ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 500 ]; then
      tail /var/log/sshd.log >&2
      exit 1
    fi
    sleep 0.01
  done
}

init() {
  hostname "$name"
  private_disk
  echo made
  read -r address
  network
  sshd
  echo up
  exec </dev/null >/dev/null 2>&1
  # Waiting for the one child reaps every orphan that the host leaves to its process 1.
  while :; do
    sleep 86400 &
    wait
  done
}

phase=$1
directory=${2:-}
name=${3:-}
cd /
"$phase"
