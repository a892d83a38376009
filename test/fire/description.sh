# Prints what stands on a machine, one thing a line, in ways that the product does not use.

# Made anew on every machine, or written by the system as it goes.
own='^/(etc/(machine-id|hostname|hosts|resolv.conf|ssh/ssh_host_|ld.so.cache|\.pwd.lock|(passwd|group|shadow|gshadow|subuid|subgid)-?$|ssl/(certs/|private/ssl-cert-snakeoil)|pgbouncer/(tls|certificates))'
# What systemd-sysusers leaves where it dies: new files that replaced nothing.
own+='|etc/\.#(passwd|shadow|group|gshadow)'
own+='|usr/lib/locale|usr/share/mime|usr/lib/.*(cache|\.pyc)|usr/share/perl5/.*cache)'
normal() { sed -E "s#$ADDRESS4#ADDRESS4#g; s#$OUTER4#OUTER4#g; s#$ADDRESS6#ADDRESS6#g; s#$OUTER6#OUTER6#g; s#$ADDRESS6_DASHED#ADDRESS6#g; s#$HOST_NAME#NAME#g"; }

# A timer's work, or a measurement, may be going on.
for _ in {1..100}; do
  [ -n "$(systemctl list-jobs --no-legend --no-pager; ls -d /run/dbhost-updates.* 2>/dev/null || true)" ] || break
  sleep 0.1
done

# Once after the image was made, or for nothing that is ours.
at_boot='ldconfig|systemd-(journal-catalog-update|sysusers|update-done)|postgresql\.service'

{
  find /etc /usr/local /usr/lib /usr/sbin /usr/bin -xdev \( -type f -o -type d -o -type l \) -printf '%p\t%y\t%m\t%u:%g\t%l\n' |
    grep -vE "$own" | sed 's/^/path\t/'
  files=$(find /etc /usr/local -xdev -type f | grep -vE "$own")
  named=$(grep -lE "$ADDRESS4|$OUTER4|$ADDRESS6|$OUTER6|$ADDRESS6_DASHED|$HOST_NAME" $files || true)
  for file in $named; do printf 'content\t%s\t%s\n' "$file" "$(normal <"$file" | sha256sum | cut -c1-64)"; done
  grep -vxF "$named" <<<"$files" | xargs -d '\n' sha256sum | sed -E 's/^([0-9a-f]{64})  (.*)/content\t\2\t\1/'
  # What lies where data lies, but not what is in it.
  find /var/lib/pgi /var/lib/pgi-images /var/cache/apt/archives /etc/pgbouncer -xdev -printf '%p\t%y\t%m\t%u:%g\n' |
    sed -E 's#(certificates/)[^/\t]+#\1PAIR#' | sort -u | sed 's/^/data\t/'
  find /run/dbhost /run/pgi /run/lock /run -maxdepth 1 \( -name '*dbhost*' -o -name '*-check.*' -o -name '*trial*' -o -path '/run/dbhost*' -o -path '/run/pgi*' \) -printf 'run\t%p\t%y\t%m\t%u:%g\n'
  ls -A /run/dbhost/pending | sed 's/^/pending\t/'

  getent passwd | sed 's/^/user\t/'
  getent group | sed 's/^/group\t/'
  dpkg-query -W -f='package\t${Package}\t${Version}\t${Status}\t${db:Status-Eflag}\n'
  dpkg --audit | sed 's/^/audit\t/'
  { dpkg --verify || true; } | sed 's/^/verify\t/'

  systemctl list-unit-files --no-legend --no-pager | awk '$2 != "transient" {print "enabled\t" $1 "\t" $2}'
  systemctl list-units --no-legend --no-pager --plain --state=active,failed,activating --type=service,path,timer,socket |
    grep -vE '^(user@|user-runtime-dir@|session-|apt-daily|dpkg-db-backup|systemd-(tmpfiles-clean|user-sessions|update-utmp|hostnamed|logind|timedated|localed)|e2scrub|fstrim|polkit|run-|logrotate|man-db|container-getty|console-getty|getty)' | grep -vE "^($at_boot)" | awk '{print "unit\t" $1 "\t" $3 "\t" $4}'
  for unit in caddy fail2ban pgbouncer ssh nftables systemd-journald; do
    systemctl show -p NeedDaemonReload -p ExecStart -p User -p Environment -p NoNewPrivileges "$unit" |
      sed -E 's/(start_time|stop_time|pid|code|status)=[^;}]*//g; s/^/setting\t'"$unit"'\t/'
  done

  nft --stateless --terse list ruleset | normal | sed 's/^/rule\t/'
  for set in control4 control6 pg_allow4 pg_allow6; do nft --stateless list set inet dbhost $set | normal | sed "s/^/set\t$set\t/"; done
  ss -Hltnp | sed -E 's/pid=[0-9]+,fd=[0-9]+//g' | awk '{print "listens\t" $4 "\t" $6}' | normal

  echo "loaded	$(cat /run/pgbouncer/loaded)"
  setpriv --reuid=pgbouncer --regid=pgbouncer --clear-groups psql -XAtq -h /run/pgbouncer -p 6432 -U pgbouncer -d pgbouncer -c 'show config' | sed 's/^/pool\t/'
  root=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt
  echo "certificate	$(openssl verify -CAfile $root -untrusted /etc/pgbouncer/tls/server.crt /etc/pgbouncer/tls/server.crt)"
  for address in "${ADDRESS4//\\/}" "$ADDRESS6"; do
    openssl x509 -in /etc/pgbouncer/tls/server.crt -noout -checkip "$address" | normal | sed 's/^/certificate\t/'
  done
  openssl x509 -in /etc/pgbouncer/tls/server.crt -noout -ext subjectAltName | grep -o 'IP Address' | sed 's/^/certificate\t/'
  echo | openssl s_client -connect "[::1]:6432" -starttls postgres 2>/dev/null | openssl x509 -noout -fingerprint |
    grep -qxF "$(openssl x509 -in /etc/pgbouncer/tls/server.crt -noout -fingerprint)" && echo 'certificate	is served'
  e2fsck -fn /var/lib/pgi-images/template.img >/dev/null 2>&1 && echo 'template	whole'
  stat -c 'template	%s %a %U' /var/lib/pgi-images/template.img
  debugfs -R 'ls -l /data' /var/lib/pgi-images/template.img 2>/dev/null | awk 'NF > 5 {print "template\t" $2 "\t" $9}'
  cat /var/lib/pgi-images/template.digest | sed 's/^/template\t/'
  # This script and what it runs are a session from outside; a watchdog's pause is no state.
  own=$(ps -o sid= -p $$ | tr -d ' ')
  ps -eo sid,user:20,comm --no-headers | awk -v own="$own" '$1 != own {print $2, $3}' |
    grep -vE 'sshd|bash|sleep|kworker|systemd|\(sd-pam\)|dbus|agetty|login' | sort | uniq -c | sed 's/^/processes\t/'
} | sort
