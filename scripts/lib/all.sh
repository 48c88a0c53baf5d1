# shellcheck shell=bash
# shellcheck source=/dev/null
SCRIPTS_LIB="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. "$SCRIPTS_LIB/common.sh"
. "$SCRIPTS_LIB/debian.sh"
. "$SCRIPTS_LIB/asterisk.sh"
. "$SCRIPTS_LIB/python.sh"
