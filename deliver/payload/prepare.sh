# shellcheck shell=sh
# What a build host has already: its tools, and the commits that we sent before. Stands after build_env.sh and node.sh.
: "${path:=}" "${app:=}" "${tools:=}" "${root:=}" "${tab:=}"

find_root
for tool in $tools; do
  command -v "$tool" >/dev/null || say missing "$tool"
done
command -v zstd >/dev/null && say tool zstd
if [ -d "$root/repository.git" ] && command -v git >/dev/null; then
  git -C "$root/repository.git" for-each-ref --format="have$tab%(refname:lstrip=2)" refs/deliver
fi
