# shellcheck shell=sh
# Makes a release that the node has made permanent the one that the host starts. Stands after layout.sh. Says
# `activated VERSION`.
: "${root:=}" "${version:=}" "${erts:=}" "${holder:=}" "${wait:=0}"

[ -d "$root/.deliver" ] || fail "nothing is installed in $root"
take_lock "$root/.deliver/lock" "$holder" "$wait"
check_format
outcome=failed
end_commit() {
  journal commit "$version" "$outcome"
}
at_exit end_commit
activate "$version" "$erts"
outcome=ok
say activated "$version"
