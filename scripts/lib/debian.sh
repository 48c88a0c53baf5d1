# Debian packages without root: a private apt that downloads, dpkg-deb that unpacks into a directory.
# shellcheck shell=bash

DEBIAN_SUITES=(forky sid) # Debian 12 and 13 have no Asterisk; the first that has what is wanted is taken.

# debian_unpack DIR PACKAGE[>=VERSION]…: put the packages and all that they need (libc too) into DIR.
# DIR appears complete or not at all.
debian_unpack() {
    local dir="$1" suite mirror
    shift
    debian_check
    debian_cache
    for suite in "${DEBIAN_SUITES[@]}"; do
        while read -r mirror; do
            debian_use "$suite" "$mirror"
            if debian_lists "$@" && debian_download "${@%%>=*}"; then
                debian_unpack_closure "$dir" "${@%%>=*}"
                return
            fi
        done < <(debian_mirrors)
    done
    die "tidak dapat mengambil / cannot fetch ${*%%>=*} from Debian ${DEBIAN_SUITES[*]}: check the network and /etc/apt, or set IVR_DEBIAN_MIRROR; details in $IVR_TOOLS/log"
}

# debian_unpack_one DIR PACKAGE: the same for one package alone.
debian_unpack_one() {
    local dir="$1" package="$2" suite mirror deb
    debian_check
    debian_cache
    for suite in "${DEBIAN_SUITES[@]}"; do
        while read -r mirror; do
            debian_use "$suite" "$mirror"
            debian_lists "$package" || continue
            (cd "$DEBIAN_HOME/archives" && private_apt apt-get download "$package") || continue
            deb="$(find "$DEBIAN_HOME/archives" -name "${package}_*.deb" | sort | tail -n 1)"
            rm -rf "$dir.partial"
            dpkg-deb -x "$deb" "$dir.partial"
            mv "$dir.partial" "$dir"
            return
        done < <(debian_mirrors)
    done
    return 1
}

debian_check() {
    local tool
    for tool in apt-get apt-cache dpkg dpkg-deb; do
        have "$tool" || die "tidak ada / no $tool: this is not Debian. Install Asterisk ≥ $ASTERISK_FLOOR_TEXT and name it in IVR_ASTERISK"
    done
    DEBIAN_KEYRING=""
    local ring
    for ring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [[ -r $ring ]] && DEBIAN_KEYRING="$ring" && break
    done
    [[ -n $DEBIAN_KEYRING ]] ||
        die "kunci arsip Debian tidak ada / no Debian archive keyring: run (as root) apt install debian-archive-keyring, or install Asterisk ≥ $ASTERISK_FLOOR_TEXT and name it in IVR_ASTERISK"
}

# Downloads are kept for the next clone of this user; where there is no home, with the tools.
debian_cache() {
    DEBIAN_CACHE="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/siaga112/debian"
    mkdir -p "$DEBIAN_CACHE" 2>/dev/null && [[ -w $DEBIAN_CACHE ]] || DEBIAN_CACHE="$IVR_TOOLS/cache/debian"
    mkdir -p "$DEBIAN_CACHE"
    exec 8>"$DEBIAN_CACHE/lock" # Held until this subshell of `step` ends.
    flock -w 1800 8 || die "another setup holds $DEBIAN_CACHE/lock for 30 minutes: end it, then try again"
}

# The mirrors of the machine's own apt configuration (updates, security and backports have a dash or slash in
# their name). Third parties' repositories may be among them; they fail the check of Debian's signature.
debian_mirrors() {
    if [[ -n ${IVR_DEBIAN_MIRROR:-} ]]; then
        echo "$IVR_DEBIAN_MIRROR"
        return
    fi
    [[ "$(. /etc/os-release && echo "$ID")" == debian ]] ||
        die "sistem ini bukan Debian / this is not Debian: install Asterisk ≥ $ASTERISK_FLOOR_TEXT and name it in IVR_ASTERISK, or set IVR_DEBIAN_MIRROR to a Debian mirror"
    LC_ALL=C apt-get -o Debug::NoLocking=true --print-uris update |
        sed -nE "s#^'(.*)/dists/[a-z]+/InRelease'.*#\1#p" | awk '!seen[$0]++'
}

# Everything of apt's under DEBIAN_HOME; the machine's own hooks, pins and sources have no part in it, its
# proxy and credentials do.
debian_use() {
    local arch
    arch="$(dpkg --print-architecture)"
    DEBIAN_HOME="$DEBIAN_CACHE/$1-$arch"
    mkdir -p "$DEBIAN_HOME/lists/partial" "$DEBIAN_HOME/archives/partial"
    : >"$DEBIAN_HOME/status" # Nothing is installed: so the whole closure is taken.
    printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$arch" "$DEBIAN_KEYRING" "$2" "$1" >"$DEBIAN_HOME/sources.list.new"
    if ! cmp -s "$DEBIAN_HOME/sources.list.new" "$DEBIAN_HOME/sources.list"; then
        mv "$DEBIAN_HOME/sources.list.new" "$DEBIAN_HOME/sources.list"
        rm -f "$DEBIAN_HOME/updated"
    fi
    cat >"$DEBIAN_HOME/apt.conf" <<CONF
Dir::State "$DEBIAN_HOME";
Dir::State::lists "$DEBIAN_HOME/lists";
Dir::State::status "$DEBIAN_HOME/status";
Dir::State::extended_states "$DEBIAN_HOME/extended_states";
Dir::Cache "$DEBIAN_HOME";
Dir::Cache::archives "$DEBIAN_HOME/archives";
Dir::Log "$DEBIAN_HOME";
Dir::Etc::sourcelist "$DEBIAN_HOME/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "$arch";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Debug::NoLocking "true";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Default-Release;
#clear APT::Update;
#clear APT::NeverAutoRemove;
#clear DPkg;
CONF
}

private_apt() {
    local program="$1"
    shift
    LC_ALL=C DEBIAN_FRONTEND=noninteractive "$program" -c "$DEBIAN_HOME/apt.conf" "$@"
}

# Have package lists not older than a day (or older ones, where the network is away), and the packages in them.
debian_lists() {
    if [[ -z "$(find "$DEBIAN_HOME/updated" -mmin -1440 2>/dev/null)" ]]; then
        debian_update || [[ -e $DEBIAN_HOME/updated ]] || return 1
    fi
    local wanted package least candidate
    for wanted in "$@"; do
        package="${wanted%%>=*}" least="${wanted#"$package"}"
        candidate="$(private_apt apt-cache policy "$package" | awk '$1 == "Candidate:" { print $2 }')"
        [[ -n $candidate && $candidate != "(none)" ]] || return 1
        dpkg --compare-versions "$candidate" ge "${least#>=}" || return 1
    done
}

debian_update() { private_apt apt-get -o APT::Update::Error-Mode=any update && touch "$DEBIAN_HOME/updated"; }

# A package that has left the mirror since the lists were taken: take new lists and try once more.
debian_download() {
    private_apt apt-get --download-only install "$@" ||
        { debian_update && private_apt apt-get --download-only install "$@"; }
}

debian_unpack_closure() {
    local dir="$1" list="$DEBIAN_HOME/closure"
    shift
    private_apt apt-get --simulate install "$@" |
        sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*\[([^]]+)\]\).*/\1 \3 \4/p' |
        while read -r package version arch; do
            printf '%s/archives/%s_%s_%s.deb\0' "$DEBIAN_HOME" "$package" "${version//:/%3a}" "$arch"
        done >"$list"
    [[ -s $list ]] || die "apt-get --simulate named no package: see $IVR_TOOLS/log"
    rm -rf "$dir.partial"
    mkdir -p "$dir.partial"
    # shellcheck disable=SC2016  # sh expands it
    xargs -0 -a "$list" -n 1 -P 4 sh -c 'dpkg-deb -x "$1" "$0"' "$dir.partial"
    rm -rf "$dir"
    mv "$dir.partial" "$dir"
    private_apt apt-get autoclean >/dev/null # What no mirror has any more is not kept for ever.
}

# debian_launcher DIR NAME BINARY: bin/NAME runs the binary with DIR's own loader and libraries, and leaves the
# environment of its children alone. Asterisk restarts itself by its argv[0]: that is the launcher, too. A library
# named in LOADER_PRELOAD is loaded first (tests give Asterisk another clock so).
debian_launcher() {
    local dir="$1" name="$2" binary="$3" loader libraries
    libraries="$(dirname "$(find "$dir/usr/lib" -maxdepth 2 -name libc.so.6 | head -n 1)")"
    loader="$(find "$libraries" -maxdepth 1 \( -name 'ld-linux*.so.*' -o -name 'ld64.so.*' \) | head -n 1)"
    [[ -n $loader ]] || die "no program loader in $dir for this architecture ($(dpkg --print-architecture)): install Asterisk ≥ $ASTERISK_FLOOR_TEXT and name it in IVR_ASTERISK"
    write_launcher "$name" "root=\"\${0%/*}/..\"
exec \"\$root/${loader#"$IVR_TOOLS/"}\" \${LOADER_PRELOAD:+--preload \"\$LOADER_PRELOAD\"} --argv0 \"\$0\" --library-path \"\$root/${libraries#"$IVR_TOOLS/"}\" \"\$root/${dir#"$IVR_TOOLS/"}/$binary\" \"\$@\""
}

write_launcher() {
    mkdir -p "$IVR_TOOLS/bin"
    printf '#!/bin/sh\n# Made by scripts/setup.\n%s\n' "$2" >"$IVR_TOOLS/bin/$1.new"
    chmod 755 "$IVR_TOOLS/bin/$1.new"
    mv "$IVR_TOOLS/bin/$1.new" "$IVR_TOOLS/bin/$1"
}
