# shellcheck shell=sh
# Installs the systemd unit of the node, and the environment file that it reads. Stands after service.sh.
#
# Says `outcome` with one of: installed FILE STATE LINGERS | declined REASON HINT.
: "${root:=}" "${scope:=}" "${sudo:=no}" "${unit:=}" "${unit_text:=}" "${mark:=}" "${holder:=}" "${wait:=5}" "${private:=}"

# put_environment_file: what the node's start script reads; only this user and systemd can.
put_environment_file() {
  (
    umask 077
    {
      env_line LANG "${LANG:-C.UTF-8}"
      each_name_variable "$version" env_line
      each_variable env_line
    } >"$private/environment"
  )
  cmp -s "$private/environment" "$root/.deliver/environment" && return
  state=changed
  cp -p "$private/environment" "$root/.deliver/environment.deliver-new" || fail "cannot write into $root/.deliver"
  mv -f "$root/.deliver/environment.deliver-new" "$root/.deliver/environment" || fail "cannot write into $root/.deliver"
}

# env_line NAME VALUE: one line, or more when the value has more, in systemd's quoting.
env_line() {
  printf '%s="%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"$`]/\\&/g')"
}

put_unit() {
  file=$directory/$unit
  printf '%s\n' "$unit_text" >"$private/unit"
  cmp -s "$private/unit" "$file" && return
  if [ -e "$file" ] && ! grep -qxF -e "$mark" "$file"; then
    decline "$file is there already, and deliver did not write it" \
      'name another unit in deliver.toml, or move that file away'
  fi
  state=changed
  said=$({
    for_scope mkdir -p "$directory" && for_scope cp "$private/unit" "$file.deliver-new" &&
      for_scope chmod 644 "$file.deliver-new" && for_scope mv -f "$file.deliver-new" "$file"
  } 2>&1) || decline "cannot write $file: $(printf '%s' "$said" | tr '\n\t' '  ')" \
    'let this user use sudo (sudo = true), or choose scope = "user"'
}

# for_scope COMMAND...: as whoever owns the directory of units.
for_scope() {
  if [ "$scope" = user ]; then
    "$@"
  else
    as_root "$@"
  fi
}

# systemctl WORD...: through the manager; its failure ends the script.
tell_systemd() {
  said=$(manager "$@" 2>&1) || decline "systemctl $* failed: $(printf '%s' "$said" | tr '\n\t' '  ')" \
    "$advice"
}

# wake_manager: lets the user's manager run without a login, and so the node, and waits for it.
wake_manager() {
  lingers=yes
  [ "$scope" = user ] || return 0
  loginctl enable-linger "$(id -un)" >/dev/null 2>&1
  [ -e "/var/lib/systemd/linger/$(id -un)" ] || lingers=no
  ends=$(($(date +%s) + 5))
  until manager show-environment >/dev/null 2>&1 || [ "$(date +%s)" -ge "$ends" ]; do
    nap
  done
}

command -v systemctl >/dev/null || decline 'this host has no systemctl' 'choose another kind of service'
find_root
version=$(permanent_version)
find_name_slot "$version"
directory=/etc/systemd/system
[ "$scope" = system ] || directory=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
advice='look with: systemctl status, journalctl'
[ "$scope" = system ] || advice="the user's manager may not run: let root run: loginctl enable-linger $(id -un)"
make_private
take_lock "$root/.deliver/lock" "$holder" "$wait"
state=unchanged
put_environment_file
put_unit
wake_manager
tell_systemd daemon-reload
tell_systemd enable "$unit"
journal service-install "$version" "$state"
say outcome installed "$file" "$state" "$lingers"
