# shellcheck shell=sh
# Removes a directory that a build left for us. Stands after build_checkout.sh.
: "${directory:=}"

remove_tree "$directory"
