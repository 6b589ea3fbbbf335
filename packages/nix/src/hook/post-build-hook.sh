#!/bin/sh
# Nix post-build hook: notes in a spool folder what was just built, and is done. A worker (`trustix-nix spool`, or the
# daemon) submits it later. POSIX shell, because starting Node would cost more than all the work here.
#
# What always holds:
# - The exit status is 0. Nix aborts the whole build otherwise, and never calls the hook again for that path.
# - Neither of the two Nix calls is waited for longer than LIMIT seconds (where `timeout` exists): Nix kills other builds
#   for silence while a hook runs. No network is touched.
# - An item appears in the spool complete and synced, or not at all: exclusive create, sync, rename, sync.
# - `nix-store --dump-db` is never called without a path: it would print the whole store.
#
# Environment: DRV_PATH and OUT_PATHS from Nix (Nix 2.8 leaves OUT_PATHS empty: the derivation names the outputs then;
# OUT_PATHS is preferred because it leaves out outputs that were there before), TRUSTIX_SPOOL or the default folder.
#
# An item, lines as `spool/item.ts` reads them:
#   trustix-spool 1
#   drv /nix/store/<hash>-<name>.drv
#   out <path>                            one line for each output asked about
#   facts                                 what --dump-db printed; nothing if it failed
#   derivation                            the raw .drv, which may be empty if it could not be read
#   end

LIMIT=${TRUSTIX_HOOK_SECONDS:-5}
# Under a daemon the PATH can be almost empty.
PATH=${PATH:+$PATH:}/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin:/usr/bin:/bin
set -f # store path names may hold `?`
unset IFS
umask 077
export LC_ALL=C

say() { printf 'trustix: post-build-hook: %s\n' "$*" >&2; }

# The folder, in $spool; made if missing.
find_spool() {
  spool=${TRUSTIX_SPOOL:-}
  if [ -z "$spool" ]; then
    if [ "$(id -u)" = 0 ]; then
      spool=/var/spool/trustix
    else
      spool=${XDG_STATE_HOME:-$HOME/.local/state}/trustix/spool
    fi
  fi
  case $spool in
    /*) ;;
    *) say "the spool folder must be an absolute path, got $spool"; return 1 ;;
  esac
  [ -e "$spool" ] || mkdir -p "$spool" || [ -d "$spool" ] || { say "cannot make the spool folder $spool"; return 1; }
}

# Fails with a message unless the folder is ours and nobody else may write to it.
check_spool() {
  case $(ls -ld "$spool") in
    l*) say "refusing the spool $spool: it is a symbolic link"; return 1 ;;
    d????-??-*) ;;
    d*) say "refusing the spool $spool: others may write to it; chmod 0700 mends that"; return 1 ;;
    *) say "refusing the spool $spool: not a folder"; return 1 ;;
  esac
  [ -O "$spool" ] || { say "refusing the spool $spool: it belongs to somebody else"; return 1; }
}

# The output paths that the derivation in $drv states, in $outs. A floating output has an empty path and is left out.
outputs_of_derivation() {
  outs=
  rest=${drv#*\[}
  rest=${rest%%\]*}
  while :; do
    case $rest in *'("'*) ;; *) return ;; esac
    rest=${rest#*'("'}
    path=${rest#*'","'}
    path=${path%%'"'*}
    case $path in /*) outs="$outs $path" ;; esac
  done
}

# Takes a name nobody else has, in $name. Whoever made the temporary file first owns the final name too, so looking
# whether the final one exists after that is not a race.
take_name() {
  part=${DRV_PATH##*/}
  part=${part%%-*}
  n=0
  while [ "$n" -lt 100 ]; do
    name=$part-$$-$n
    n=$((n + 1))
    set -C
    if { true; } 2>/dev/null >"$spool/.tmp-$name"; then
      set +C
      [ -e "$spool/$name.item" ] || return 0
      rm -f "$spool/.tmp-$name"
    elif [ ! -e "$spool/.tmp-$name" ]; then
      set +C
      return 1
    fi
    set +C
  done
  return 1
}

write_item() {
  printf 'trustix-spool 1\ndrv %s\n' "$DRV_PATH" || return 1
  for path in $outs; do printf 'out %s\n' "$path" || return 1; done
  printf 'facts\n' || return 1
  [ -z "$facts" ] || printf '%s\n' "$facts" || return 1
  printf 'derivation\n%s\nend\n' "$drv"
}

main() {
  case ${DRV_PATH:-} in
    /*/[0-9a-z]*-*.drv) ;;
    *) say "no derivation in DRV_PATH (got '${DRV_PATH:-}'); is this run by Nix?"; return ;;
  esac
  find_spool || return
  check_spool & # beside the Nix calls, which take ten times as long
  checking=$!
  limit=
  command -v timeout >/dev/null 2>&1 && limit="timeout -s KILL $LIMIT"

  # In a store below another root the file is not where its path says, but the store still knows it.
  if [ -r "$DRV_PATH" ]; then
    drv=$(cat "$DRV_PATH")
  else
    drv=$($limit nix --extra-experimental-features nix-command store cat "$DRV_PATH")
  fi || { drv=; say "cannot read $DRV_PATH"; }

  outs=
  for path in ${OUT_PATHS:-}; do
    case $path in /*) outs="$outs $path" ;; esac
  done
  [ -n "$outs" ] || outputs_of_derivation
  facts=
  if [ -n "$outs" ]; then
    # Partial output comes before a failure: nothing of it is used then.
    facts=$($limit nix-store --dump-db $outs) || { facts=; say "nix-store --dump-db failed for the outputs of $DRV_PATH"; }
  fi

  wait "$checking" || return
  take_name || { say "cannot write to the spool $spool: $DRV_PATH is not noted"; return; }
  tmp=$spool/.tmp-$name
  if write_item >>"$tmp" && sync "$tmp" && mv "$tmp" "$spool/$name.item"; then
    # The folder too, or power loss could undo the rename. Not waited for: the item itself is safe, and 1 ms is much here.
    sync "$spool" >/dev/null 2>&1 &
  else
    rm -f "$tmp"
    say "cannot write to the spool $spool (disk full?): $DRV_PATH is not noted"
  fi
}

main
exit 0
