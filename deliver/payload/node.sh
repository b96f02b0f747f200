# shellcheck shell=sh
# Where a release lives, the process of its node, and how to ask it. Stands after the prelude, on Linux hosts: processes
# are read from /proc.
#
# A node is asked through `erl_call`: a few milliseconds, where the release's own script boots a second virtual machine.
# The cookie reaches it as a file of a private HOME, so that `ps` never shows it.
#
# shellcheck disable=SC2034  # scripts that stand after this one read what it sets
: "${path:=}" "${app:=}"

# find_root: sets `root`, absolute and without symbolic links, whether it exists yet or not, and `base`, the deepest
# directory of it that does.
find_root() {
  case $path in
    /*) base=$path ;;
    '' | \~) base=$HOME ;;
    \~/*) base=$HOME/${path#??} ;;
    *) base=$HOME/$path ;;
  esac
  base=$base/$app
  missing=
  while [ ! -d "$base" ]; do
    missing=/${base##*/}$missing
    base=${base%/*}
    [ -n "$base" ] || base=/
  done
  wanted=$base
  base=$(cd -P "$wanted" 2>/dev/null && pwd -P) || fail "this user may not enter $wanted"
  root=${base%/}$missing
}

# permanent_version: prints the version that `start_erl.data` names, or nothing.
permanent_version() {
  [ -r "$root/releases/start_erl.data" ] || return 0
  read -r _ named _ <"$root/releases/start_erl.data"
  printf '%s\n' "${named:-}"
}

# find_process: whether the node's process is there; sets `pid`, `booted`, `node`, `name_type` and what `ask` needs.
find_process() {
  for entry in /proc/[0-9]*; do
    # Reading `comm` starts no process, which matters on a host with thousands of them.
    read -r comm 2>/dev/null <"$entry/comm" || continue
    case $comm in
      beam* | erts*) read_process "$entry" && return 0 ;;
    esac
  done
  pid=''
  return 1
}

# is_alive PID: whether that process runs; one that is dead but for its parent's interest does not.
is_alive() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  case ${stat##*) } in
    Z* | X*) return 1 ;;
  esac
}

# is_suspended PID: whether a signal (SIGSTOP) has stopped that process, so that it answers nothing until SIGCONT.
is_suspended() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  case ${stat##*) } in
    T*) silence="its process is suspended by a signal: kill -CONT $1 lets it go on" ;;
    *) return 1 ;;
  esac
}

# read_process ENTRY: whether that process is a node booted from our root.
read_process() {
  pid=${1##*/}
  booted='' node='' name_type='' cookie='' home='' bindir='' carrier=''
  words=$(tr '\0' '\n' 2>/dev/null <"$1/cmdline") || return 1
  word=
  while IFS= read -r next; do
    read_word "$word" "$next"
    [ "$next" = -extra ] && break
    word=$next
  done <<EOT
$words
EOT
  [ -n "$booted" ]
}

# read_word OPTION VALUE: keeps what we want to know. The boot scripts of consoles and calls are `start_clean` ones.
read_word() {
  case $1 in
    -boot)
      booted=
      case $2 in
        */start_clean | */no_dot_erlang) ;;
        "$root"/releases/*/*)
          booted=${2#"$root"/releases/}
          booted=${booted%/*}
          ;;
      esac
      ;;
    -sname | -name)
      name_type=${1#-}
      node=$2
      ;;
    -setcookie) cookie=$2 ;;
    -home) home=$2 ;;
    -bindir) bindir=$2 ;;
    -proto_dist) carrier=$2 ;;
  esac
}

# full_name: prints the node's name with its host.
full_name() {
  case $node in
    '' | *@?*) printf '%s\n' "$node" ;;
    *)
      machine=$(uname -n)
      [ "$name_type" = name ] || machine=${machine%%.*}
      printf '%s@%s\n' "${node%@}" "$machine"
      ;;
  esac
}

# erl_call_path: prints the path of the `erl_call` that fits the node; nothing when there is none.
erl_call_path() {
  for candidate in "${bindir:-}/erl_call" "$root"/erts-*/bin/erl_call "$(command -v erl_call)"; do
    if [ -x "$candidate" ]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
}

# prepare_ask: whether the node can be asked; else `silence` says why. Once for each process that was found.
prepare_ask() {
  silence=
  if [ -z "$node" ]; then
    silence='the node has no name, so nobody can ask it'
    return 1
  fi
  if [ -z "$cookie" ] && ! cookie=$(cat "${home:-$HOME}/.erlang.cookie" 2>/dev/null); then
    silence="this user cannot read the cookie of the node, ${home:-$HOME}/.erlang.cookie"
    return 1
  fi
  # A node with an epmd of its own is found only through that one.
  borrow ERL_EPMD_PORT
  caller=
  # erl_call does not speak TLS.
  [ -n "$carrier" ] && [ "$carrier" != inet_tcp ] || caller=$(erl_call_path)
  make_private
  rm -f "$private/.erlang.cookie"
  (umask 277 && printf '%s' "$cookie" >"$private/.erlang.cookie") || fail 'cannot write the cookie into a private file'
}

# make_private: sets `private`, a directory that only this user can read, which goes with this script.
make_private() {
  if [ -z "${private:-}" ]; then
    private=$(umask 077 && mktemp -d) || fail 'cannot make a private directory'
    # shellcheck disable=SC2016  # it expands at exit
    at_exit 'rm -rf "$private"'
  fi
}

# ask SECONDS EXPRESSIONS: evaluates Erlang expressions on the node; prints the term that they end with, as
# `{ok, TERM}` or `{error, "TEXT"}`. Fails, with the reason on stderr, when the node does not answer.
ask() {
  if [ -n "$caller" ]; then
    ask_by_call "$1" "$2"
  else
    ask_by_script "$1" "$2"
  fi
}

# ask_by_call SECONDS EXPRESSIONS: the same through `erl_call`. A client's name becomes an atom that the node keeps for
# ever, so there are few; and a node refuses one while another client has its name, so there are others to try.
ask_by_call() {
  for offset in 0 21 42; do
    [ "$offset" = 0 ] || nap
    asked=0
    said=$(
      HOME=$private
      export HOME
      printf '%s\n' "$2" |
        at_most "$1" "$caller" "-$name_type" "$node" -h "deliver_$((($$ + offset) % 64))" -e 2>&1
    ) || asked=$?
    case $said in
      'erl_call: failed to connect'*) ;;
      *) break ;;
    esac
  done
  printf '%s\n' "$said"
  return "$asked"
}

# say_answer KEY SECONDS EXPRESSIONS: says KEY and what the node answers; or `silence` and why it does not.
say_answer() {
  if is_suspended "$pid" || ! prepare_ask; then
    say silence "$silence"
  elif answer=$(ask "$2" "$3"); then
    say "$1" "$(printf '%s' "$answer" | tr -d '\n\t')"
  else
    # Otherwise erl_call repeats all that it was given.
    case $answer in
      'erl_call: evaluating input failed'*) answer='it ended, or could not go on, while it evaluated' ;;
    esac
    say silence "$(printf '%s' "${answer:-it did not answer within $2 s}" | tail -n 1 | tr '\n\t' '  ')"
  fi
}

# ask_by_script SECONDS EXPRESSIONS: the same through the release's own script, for want of an `erl_call`.
ask_by_script() {
  printf '%s\n' "$2" >"$private/exprs"
  (
    speak_for_node
    if is_mix "$booted"; then
      by_mix='IO.puts(:io_lib.format(~c"~p", [:file.script(~c"'"$private/exprs"'")]))'
      RELEASE_VSN=$booted at_most "$1" "$root/bin/$app" rpc "$by_mix"
    else
      at_most "$1" "$root/bin/$app" eval "file:script(\"$private/exprs\")."
    fi
  ) 2>&1
}

# speak_for_node: exports what the release's own script needs to find the node that runs, in the shell that calls it.
speak_for_node() {
  RELEASE_NODE=$node RELEASE_DISTRIBUTION=$name_type
  export RELEASE_NODE RELEASE_DISTRIBUTION
  if [ -n "$cookie" ]; then
    RELEASE_COOKIE=$cookie RELX_COOKIE=$cookie
    export RELEASE_COOKIE RELX_COOKIE
  fi
  # shellcheck disable=SC2046  # words
  is_mix "$booted" || borrow $(template_names)
}

# borrow NAME...: exports those variables as the running node has them.
borrow() {
  for name in "$@"; do
    value=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n "/^$name=/{
      s///p
      q
    }")
    [ -z "$value" ] || export "$name=$value"
  done
}

# template_names: prints the variables of relx's templates: its script makes vm.args and sys.config anew from them
# whenever it runs.
template_names() {
  # shellcheck disable=SC2016
  cat "$root/releases/$booted"/*.src 2>/dev/null | grep -o '\${[A-Za-z_][A-Za-z0-9_]*' | cut -c 3-
}

# is_mix VERSION: whether `mix release` made it; else its script is relx's, or like relx's.
is_mix() {
  [ -f "$root/releases/$1/elixir" ]
}

style() {
  if is_mix "$1"; then
    echo mix
  else
    echo relx
  fi
}

# options_apart VERSION: prints its vm.args without what gives a node its name, its network and its watcher, for a
# virtual machine that must not be taken for the node.
options_apart() {
  grep -Ev '^[[:space:]]*-(name|sname|setcookie|heart|detached|remsh|proto_dist|epmd_module|ssl_dist_)' \
    "$root/releases/$1/vm.args" 2>/dev/null
  :
}

# at_most SECONDS COMMAND...: ends the command after so long, where the host has `timeout`.
at_most() {
  if timeout --foreground 9 true 2>/dev/null; then
    timeout --foreground "$@" # else it leaves the process group, and outlives the script that is ended
  elif command -v timeout >/dev/null; then
    timeout "$@" # busybox's stays in the group
  else
    shift
    "$@"
  fi
}

# nap: a tenth of a second, or a second where `sleep` knows only whole ones.
nap() {
  sleep 0.1 2>/dev/null || sleep 1
}
