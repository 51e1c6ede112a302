#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, once: a file that is there stays as it is. `sh docker/secrets.sh`.
#
# As root each file is readable by the one user that reads it in its container (0400). As anybody else the files are
# readable (0444) in a directory that nobody else enters (0700): Compose mounts a file as it is, and the users in the
# containers have other numbers than yours.
set -eu
umask 077
place="${1:-$(dirname "$0")/secrets}"
steward=10001 postgres=999 grafana=472 nobody=65534 # the users of the images

mkdir -p "$place"
chmod 700 "$place"

random() { # letters and digits alone: they stand in addresses
    LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40
}

keep() { # NAME OWNER VALUE
    file="$place/$1"
    if [ -e "$file" ]; then
        echo "kept $file"
        return
    fi
    draft="$file.$$"
    printf '%s' "$3" >"$draft"
    if [ "$(id -u)" = 0 ]; then
        chown "$2" "$draft"
        chmod 400 "$draft"
    else
        chmod 444 "$draft"
    fi
    mv "$draft" "$file"
    echo "made $file"
}

login() { # NAME ROLE DATABASE: an address with the password that stands in NAME_password
    keep "$1_url" "$steward" "postgresql://$2:$(cat "$place/$1_password")@postgres:5432/$3"
}

keep database_password "$postgres" "$(random)"
keep agent_database_password "$postgres" "$(random)"
keep mlflow_database_password "$postgres" "$(random)"
login database steward steward
login agent_database steward_agent_login steward
login mlflow_database steward_mlflow mlflow
keep steward_secret_key "$steward" "$(random)$(random)"
keep grafana_admin_password "$grafana" "$(random)"
# Yours to fill: a key of the scope metrics:read, which the API makes, and the address of an incoming webhook, if any.
keep prometheus_api_key "$nobody" ""
keep slack_webhook_url "$nobody" ""
