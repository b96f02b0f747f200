# shellcheck shell=sh
# Takes a pack on stdin into the repository of this build host. Stands after node.sh, lock.sh and build_git.sh.
# Commits get references of our own; those of a shallow clone are `cut`: their history is not here.
: "${path:=}" "${app:=}" "${holder:=}" "${refs:=}" "${root:=}"

# Packs are put together while nobody else brings one: a new pack has no reference for a moment.
tidy() {
  find "$repository/objects/pack" -name 'tmp_*' -mtime +0 -exec rm -f {} +
  set -- "$repository"/objects/pack/*.pack
  [ $# -lt 40 ] || our_git -C "$repository" repack -a -d -q >&2
}

find_root
repository=$root/repository.git
mkdir -p "$root" || fail "this user may not write to $root"
take_lock "$root/repository.lock" "$holder" 600
[ -f "$repository/HEAD" ] || our_git init -q --bare --template= "$repository" >&2 || fail "git could not make $repository"
our_git -C "$repository" index-pack --stdin --fix-thin >/dev/null || fail "the commits did not arrive whole"
for ref in $refs; do
  our_git -C "$repository" update-ref "refs/deliver/$ref" "${ref#cut/}" || fail "git could not keep ${ref#cut/}"
done
tidy
