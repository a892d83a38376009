# Prints what stands on a host, for the things named on standard input: tab-separated lines "<kind> <name>…".
paths=() units=() packages=() probes=()
while IFS=$'\t' read -r kind rest; do
  case $kind in
    path) paths+=("$rest") ;;
    unit) units+=("$rest") ;;
    package) packages+=("$rest") ;;
    probe) probes+=("$rest") ;;
  esac
done
stat --printf='path\t%n\t%a\t%U\t%G\t%F\n' -- "${paths[@]}" 2>/dev/null || true
regular=()
for path in "${paths[@]}"; do
  if [ -L "$path" ]; then
    printf 'link\t%s\t%s\n' "$path" "$(readlink "$path")"
  elif [ -f "$path" ]; then
    regular+=("$path")
  fi
done
[ ${#regular[@]} = 0 ] || sha256sum -- "${regular[@]}" | sed -E 's/^([0-9a-f]{64})  (.*)$/sha256\t\2\t\1/'
systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- "${units[@]}" | sed 's/^/unit\t/'
dpkg-query -W -f='package\t${Package}\t${db:Status-Abbrev}\n' "${packages[@]}" 2>/dev/null || true
# Conffiles are ours to write; documentation may be excluded on purpose.
dpkg-query -L "${packages[@]}" 2>/dev/null |
  grep -vE '^(/etc|/var|/run|/usr/share/(doc|man|locale|lintian))(/|$)|^$|^[^/]' |
  while read -r file; do
    [ -e "$file" ] || [ -L "$file" ] ||
      printf 'lost\t%s\t%s\n' "$(dpkg-query -S "$file" | cut -d: -f1)" "$file"
  done || true
# A machine that died between two files leaves a user without its group.
comm -12 <(cut -d: -f1 /etc/passwd | sort) <(cut -d: -f1 /etc/group | sort) | sed 's/^/user\t/'
for marker in /run/dbhost/pending/*; do
  [ ! -e "$marker" ] || printf 'pending\t%s\n' "${marker##*/}"
done
for probe in "${probes[@]}"; do
  IFS=$'\t' read -r name words <<<"$probe"
  IFS=$'\t' read -ra command <<<"$words"
  answer=unknown
  [ ! -x "${command[0]}" ] || answer=$("${command[@]}" 2>/dev/null | head -n 1) || answer=unknown
  printf 'probe\t%s\t%s\n' "$name" "$answer"
done
