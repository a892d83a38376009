unit=dbhost-packages.service
# Answers at the end of the installation, or after two seconds with what it says meanwhile.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  state=$(systemctl show -p ActiveState --value "$unit")
  case $state in active | activating | deactivating) sleep 0.2 ;; *) break ;; esac
done
echo "$state"
case $state in
  failed) journalctl -u "$unit" -n 25 -o cat --no-pager ;;
  *) journalctl -u "$unit" -n 1 -o cat --no-pager ;;
esac
