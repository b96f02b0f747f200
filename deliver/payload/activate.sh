# shellcheck shell=sh
# Makes an installed version the one to start. Stands after layout.sh. Says `activated`.
: "${root:=}" "${version:=}" "${erts:=}" "${holder:=}" "${wait:=0}"

[ -d "$root/.deliver" ] || fail "nothing is installed in $root"
take_lock "$root/.deliver/lock" "$holder" "$wait"
check_format
outcome=failed
end_activation() {
  journal activate "$version" "$outcome"
}
at_exit end_activation
activate "$version" "$erts"
outcome=ok
say activated "$version"
