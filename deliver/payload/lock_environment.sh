# shellcheck shell=sh
# Where the lock of an environment is. Stands after lock.sh, layout.sh and node.sh.
#
# A lock that a person keeps has `owner.person.TOKEN` in it: no process of that name can be gone. Beside the locks,
# `.last.ENVIRONMENT` has the token of who took it last: so a run that lost its connection learns whether somebody else
# was there meanwhile.
# shellcheck disable=SC2034 # scripts that stand after this one read what it sets
: "${root:=}" "${environment:=}"

find_environment_lock() {
  find_root
  environment_lock=$root/.deliver/locks/$environment
  environment_last=$root/.deliver/locks/.last.$environment
}

last_token() {
  cat "$environment_last" 2>/dev/null
}
