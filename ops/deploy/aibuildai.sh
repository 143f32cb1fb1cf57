#!/bin/sh
# The command line beside the systemd units, with their environment and home folder. Copy to /usr/local/bin/aibuildai,
# and call it as the units' user: sudo -u aibuildai aibuildai run FOLDER
set -ea
. /etc/aibuildai/environment
AIBUILDAI_HOME=/var/lib/aibuildai
exec /opt/aibuildai/.venv/bin/aibuildai "$@"
