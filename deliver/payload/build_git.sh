# shellcheck shell=sh
# git as we mean it, whatever this user's own configuration says. Stands after the prelude.

our_git() {
  GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
    git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c advice.detachedHead=false -c gc.auto=0 "$@"
}
