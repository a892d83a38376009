# usage: start|restart|reload|enable|disable|stop UNIT [RELOAD COMMAND WORD…]
verb=$1 unit=$2
shift 2
[ "$(systemctl show -p NeedDaemonReload --value "$unit")" = no ] || systemctl daemon-reload
case $verb in
  start) systemctl reset-failed "$unit" 2>/dev/null || true ;;
esac
act() {
  case $verb in
    # A link for the next boot; reading all units again would be for nothing.
    enable) systemctl --quiet --no-reload enable "$unit" ;;
    reload) if [ $# -gt 0 ]; then "$@"; else systemctl reload "$unit"; fi ;;
    *) systemctl "$verb" "$unit" ;;
  esac
}
if ! act "$@"; then
  journalctl -u "$unit" -n 15 -o cat --no-pager >&2
  exit 1
fi
case $verb in
  start | restart) rm -f "/run/dbhost/pending/reload:$unit" "/run/dbhost/pending/restart:$unit" ;;
  reload) rm -f "/run/dbhost/pending/reload:$unit" ;;
esac
