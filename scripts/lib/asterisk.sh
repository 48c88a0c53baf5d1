# Which Asterisk: the one named in IVR_ASTERISK, the system's, or a private copy from Debian. And test phones.
# shellcheck shell=bash

ASTERISK_RECIPE=2 # Raise it when what is fetched or written here changes.

# The releases of 25 June 2026, made together, with the same security fixes. What is newer has them too; the
# tests run on 22.
ASTERISK_FLOORS=(20.20.1 21.12.3 22.10.1 23.4.1)
ASTERISK_FLOOR_TEXT="22.10.1"

# prepare_asterisk: writes bin/asterisk and asterisk.env, from which Python learns where Asterisk's parts are.
prepare_asterisk() {
    local system key
    system="${IVR_ASTERISK:-$(PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v asterisk || true)}"
    key="$ASTERISK_RECIPE $IVR_TOOLS ${IVR_ASTERISK:+named} $(stat -L -c '%n %Y %s' "$system" 2>/dev/null || echo private)"
    prepared asterisk "$key" || locked make_asterisk "$system" "$key"
}

# prepare_phones: bin/sipp, bin/baresip, a clock that can be set (libfaketime) and phones.env, for the demonstration
# and the tests.
prepare_phones() {
    local key="$ASTERISK_RECIPE $IVR_TOOLS"
    prepared phones "$key" || locked make_phones "$key"
}

prepared() { [[ -r $IVR_TOOLS/$1.env && "$(head -n 1 "$IVR_TOOLS/$1.env")" == "# $2" ]]; }

make_asterisk() {
    local system="$1" key="$2"
    prepared asterisk "$key" && return
    if [[ -n ${IVR_ASTERISK:-} ]]; then
        [[ -x $IVR_ASTERISK ]] || die "IVR_ASTERISK=$IVR_ASTERISK is not a program: name the binary, or unset it"
        new_enough "$(asterisk_version "$IVR_ASTERISK")" ||
            die "IVR_ASTERISK=$IVR_ASTERISK is $(asterisk_version "$IVR_ASTERISK"), with known holes: it must be ≥ one of ${ASTERISK_FLOORS[*]}"
        use_system_asterisk "$IVR_ASTERISK" "$key"
    elif [[ -n $system ]] && new_enough "$(asterisk_version "$system")" && [[ -n "$(asterisk_modules "$system")" ]]; then
        use_system_asterisk "$system" "$key"
    else
        need_space 1500000 "Asterisk"
        step asterisk "Asterisk (± 90 MB)" debian_unpack "$IVR_TOOLS/asterisk" \
            "asterisk>=1:$ASTERISK_FLOOR_TEXT" asterisk-core-sounds-en-gsm
        use_private_asterisk "$key"
    fi
}

# The version as a number, or nothing. "Asterisk certified-20.7-cert11" is none: not tried.
asterisk_version() { "$1" -V 2>/dev/null | sed -nE 's/^Asterisk ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'; }

new_enough() {
    local version="$1" floor
    [[ -n $version ]] || return 1
    for floor in "${ASTERISK_FLOORS[@]}"; do
        [[ ${version%%.*} == "${floor%%.*}" ]] && { at_least "$version" "$floor"; return; }
    done
    ((${version%%.*} > 23))
}

at_least() { [[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$2" ]]; }

# Where a system's Asterisk has its modules and its data: beside it, or in Debian's or upstream's place.
asterisk_modules() {
    local root dir
    root="$(dirname "$(dirname "$(readlink -f "$1")")")"
    for dir in "$root"/lib/*/asterisk/modules "$root/lib/asterisk/modules" "$root/lib64/asterisk/modules"; do
        [[ -e $dir/app_queue.so ]] && echo "$dir" && return
    done
}

asterisk_data() {
    local root dir
    root="$(dirname "$(dirname "$(readlink -f "$1")")")"
    # Without these documents PJSIP refuses its configuration.
    for dir in "$root/share/asterisk" "$root/var/lib/asterisk" /usr/share/asterisk /var/lib/asterisk; do
        [[ -e $dir/documentation/core-en_US.xml ]] && echo "$dir" && return
    done
}

use_system_asterisk() {
    local binary modules data
    binary="$(readlink -f "$1")"
    modules="$(asterisk_modules "$binary")"
    data="$(asterisk_data "$binary")"
    [[ -n $modules && -n $data ]] ||
        die "modul atau dokumentasi $binary tidak ditemukan / cannot find its modules or documentation: unset IVR_ASTERISK to take a private copy"
    write_launcher asterisk "exec env \${LOADER_PRELOAD:+LD_PRELOAD=\"\$LOADER_PRELOAD\"} '${binary//\'/\'\\\'\'}' \"\$@\""
    write_env asterisk "$2" "ASTERISK_BIN=$IVR_TOOLS/bin/asterisk" "ASTERISK_VERSION=$(asterisk_version "$binary")" \
        "ASTERISK_MODULES=$modules" "ASTERISK_DATA=$data" "ASTERISK_VARLIB=/var/lib/asterisk"
}

use_private_asterisk() {
    local prefix="$IVR_TOOLS/asterisk" version
    # Package scripts are not run, so this alternative is made by hand; without it no built-in sound is found.
    [[ -e $prefix/usr/share/asterisk/sounds/en ]] || ln -s en_US_f_Allison "$prefix/usr/share/asterisk/sounds/en"
    debian_launcher "$prefix" asterisk usr/sbin/asterisk
    version="$(asterisk_version "$IVR_TOOLS/bin/asterisk")"
    [[ -n $version ]] || die "the private Asterisk does not start: remove $prefix and try again; if it stays, name one in IVR_ASTERISK"
    write_env asterisk "$1" "ASTERISK_BIN=$IVR_TOOLS/bin/asterisk" "ASTERISK_VERSION=$version" \
        "ASTERISK_MODULES=$(echo "$prefix"/usr/lib/*/asterisk/modules)" \
        "ASTERISK_DATA=$prefix/usr/share/asterisk" "ASTERISK_VARLIB=$prefix/var/lib/asterisk"
}

make_phones() {
    local prefix="$IVR_TOOLS/phones" modules
    prepared phones "$1" && return
    need_space 700000 "SIPp, baresip"
    step phones "telepon uji / test phones: SIPp, baresip" debian_unpack "$prefix" sip-tester baresip-core libfaketime
    debian_launcher "$prefix" sipp usr/bin/sipp
    debian_launcher "$prefix" baresip usr/bin/baresip
    modules="$(dirname "$(find "$prefix/usr/lib" -path '*/baresip/modules/aufile.so')")"
    write_env phones "$1" "SIPP_BIN=$IVR_TOOLS/bin/sipp" "BARESIP_BIN=$IVR_TOOLS/bin/baresip" "BARESIP_MODULES=$modules" \
        "FAKETIME=$(find "$prefix/usr/lib" -name libfaketimeMT.so.1)"
}

# write_env NAME KEY LINE…: NAME.env, complete or not at all; its first line tells when it is out of date.
write_env() {
    local file="$IVR_TOOLS/$1.env"
    printf '# %s\n' "$2" >"$file.new"
    printf '%s\n' "${@:3}" >>"$file.new"
    mv "$file.new" "$file"
}
