. /tmp/w/newcomer-tmp/env.sh
trap '' HUP
