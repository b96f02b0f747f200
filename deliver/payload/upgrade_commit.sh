# shellcheck shell=sh
# Before the node is asked to make its release permanent: the start scripts of it, and copies of what release_handler
# empties before it writes, which also shows whether there is room. Stands after layout.sh.
: "${root:=}" "${version:=}" "${holder:=}" "${wait:=0}"

take_lock "$root/.deliver/lock" "$holder" "$wait"
check_format
kept=$root/.deliver/upgrades/kept
outcome=failed
end_commit() {
  rm -rf "$kept"
  journal commit "$version" "$outcome"
}
at_exit end_commit
place_scripts "$version"
for file in RELEASES start_erl.data; do
  [ ! -f "$root/releases/$file" ] || attempt "copying $file" put_file "$root/releases/$file" "$kept/$file"
done
