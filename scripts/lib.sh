# shellcheck shell=sh
# Sourced by the scripts beside it, at the top of the checkout: what a machine needs, and getting it.

# say TEXT...: to the person who waits.
say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "${0##*/}: $*"
  exit 69
}

# lacking TOOL...: the Debian packages of those that are not here, one per line.
lacking() {
  for tool in "$@"; do
    have_"$tool" || package_of "$tool"
  done
}

have_python() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

# What `mix release` and our applications put into a release, which Debian packs one by one.
have_erlang() {
  command -v erl >/dev/null && erl -noinput -eval '
    Wanted = [compiler, crypto, eunit, inets, parsetools, public_key, runtime_tools, sasl, ssl, syntax_tools, tools],
    halt(length([App || App <- Wanted, code:lib_dir(App) =:= {error, bad_name}])).'
}

have_headers() {
  command -v erl >/dev/null && erl -noinput -eval '
    halt(case filelib:is_file(filename:join([code:root_dir(), "usr", "include", "erl_nif.h"])) of true -> 0; _ -> 1 end).'
}

have_elixir() { command -v mix >/dev/null; }
have_rebar3() { command -v rebar3 >/dev/null; }
have_sshd() { [ -x /usr/sbin/sshd ]; }
have_ssh() { command -v ssh >/dev/null && command -v ssh-keygen >/dev/null; }
have_ip() { command -v ip >/dev/null; }
have_namespaces() { command -v unshare >/dev/null && command -v nsenter >/dev/null && command -v setpriv >/dev/null; }
have_mount() { command -v mount >/dev/null; }
have_hostname() { command -v hostname >/dev/null; }
have_processes() { command -v ps >/dev/null && command -v pidof >/dev/null; }
have_git() { command -v git >/dev/null; }
have_gcc() { command -v cc >/dev/null && echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1; }
have_make() { command -v make >/dev/null; }
have_zstd() { command -v zstd >/dev/null; }
have_shellcheck() { command -v shellcheck >/dev/null; }
have_busybox() { command -v busybox >/dev/null; }
have_dash() { command -v dash >/dev/null; }
have_fish() { command -v fish >/dev/null; }
have_haproxy() { [ -x /usr/sbin/haproxy ]; }
have_openssl() { command -v openssl >/dev/null; }
have_gpg() { command -v gpg >/dev/null && command -v gpg-agent >/dev/null; }

package_of() {
  case $1 in
    python) echo python3 && echo python3-venv ;;
    erlang) for part in base crypto eunit inets parsetools public-key runtime-tools ssl syntax-tools tools; do echo "erlang-$part"; done ;;
    headers) echo erlang-dev ;;
    sshd) echo openssh-server ;;
    ssh) echo openssh-client ;;
    ip) echo iproute2 ;;
    namespaces) echo util-linux ;;
    processes) echo procps && echo sysvinit-utils ;;
    gpg) echo gnupg ;;
    # The static one: some tests want a program without a libc.
    busybox) echo busybox-static ;;
    gcc) echo gcc && echo libc6-dev ;;
    *) echo "$1" ;;
  esac
}

# need TOOL...: installs what is lacking, where it may; says what to install, where it may not.
need() {
  packages=$(lacking "$@" | sort -u | tr '\n' ' ')
  [ -n "$packages" ] || return 0
  if as_root=$(root_command) && command -v apt-get >/dev/null; then
    install_packages
  else
    die "this machine lacks packages; as root: apt-get install $packages"
  fi
  packages=$(lacking "$@" | sort -u | tr '\n' ' ')
  [ -z "$packages" ] || die "still lacking after apt-get install: $packages"
}

# root_command: the words that make a command root's; fails when there are none.
root_command() {
  if [ "$(id -u)" = 0 ]; then
    echo env
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    echo sudo -n
  else
    return 1
  fi
}

# shellcheck disable=SC2086  # a list of words
apt_get() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 "$@" </dev/null >"$log" 2>&1
}

# shellcheck disable=SC2086  # $as_root and $packages are lists of words
install_packages() {
  say "installing $packages"
  new_services=$(new_services)
  log=$(mktemp)
  if ! apt_get update || ! apt_get install --yes --no-install-recommends $packages; then
    cat "$log" >&2
    die "apt-get failed; what lacks is: $packages"
  fi
  rm -f "$log"
  for unit in $new_services; do
    keep_down "$unit"
  done
}

# new_services: the units that an installation may bring. They are for the hosts that we make: this machine does not
# become one that can be logged in to.
new_services() {
  have_sshd || echo ssh.socket ssh.service
  have_haproxy || echo haproxy.service
}

# shellcheck disable=SC2086  # $as_root is a list of words
keep_down() {
  if [ -d /run/systemd/system ]; then
    $as_root systemctl --quiet disable --now "$1" 2>/dev/null || :
  elif [ -x "/etc/init.d/${1%.*}" ]; then
    $as_root "/etc/init.d/${1%.*}" stop >/dev/null 2>&1 || :
  fi
}

# python_ready: makes .venv hold exactly what requirements.lock says, and deliver itself.
python_ready() {
  stamp=$(cat requirements.lock pyproject.toml | sha256sum)
  [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ] || return 0
  say "making .venv from requirements.lock"
  rm -rf .venv
  python3 -m venv .venv
  pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip --quiet install"
  $pip --require-hashes --requirement requirements.lock </dev/null >&2
  $pip --no-deps --no-build-isolation --editable . </dev/null >&2
  echo "$stamp" >.venv/stamp
}
