# shellcheck shell=sh
# The environment of every step of a build. Stands right after the prelude; `build_environment` exports what the
# configuration says, and our own variables are set only after it, so that it cannot change them.
#
# shellcheck disable=SC2034  # scripts that stand after this one read what it sets
: "${login_profile:=no}"

# enter_environment: takes over the login shell's environment where asked for, then the configured one. Steps run under
# `steps_locale`; our own tools keep LC_ALL=C.
enter_environment() {
  if [ "$login_profile" = yes ]; then
    login_environment
  fi
  umask 022
  LC_ALL=$(utf8_locale)
  TERM=dumb
  export LC_ALL TERM
  build_environment
  steps_locale=${LC_ALL:-C}
  LC_ALL=C
}

# Elixir wants file names in UTF-8, and says so in each of its commands when they are not.
utf8_locale() {
  for wanted in C.UTF-8 en_US.UTF-8; do
    charmap=$(LC_ALL=$wanted locale charmap 2>/dev/null) || charmap=UTF-8
    [ "$charmap" = UTF-8 ] && printf '%s\n' "$wanted" && return
  done
  printf 'C\n'
}

# What a profile prints before the mark is not meant for us. The command is written so that every login shell reads it.
login_environment() {
  exports=$("${SHELL:-/bin/sh}" -lc 'exec sh -c "echo deliver-mark; export -p"' </dev/null) ||
    fail "the login shell ${SHELL:-/bin/sh} could not be asked for its environment; login_profile = false does without"
  # The line before it all is for sed, which looks for the end of a range from the second line on.
  exports=$(printf '\n%s\n' "$exports" | sed '1,/^deliver-mark$/d; /^export \(PWD\|OLDPWD\|SHLVL\|_\)\(=.*\)\{0,1\}$/d')
  eval "$exports"
}
