# Writes standard input to a file. usage: PATH MODE OWNER GROUP SHA256 EFFECT,… CHECK WORD…
path=$1 mode=$2 owner=$3 group=$4 digest=$5 effects=$6
shift 6
folder=${path%/*} name=${path##*/}
[ -d "$folder" ] || install -d -m 0755 "$folder"
rm -f "$folder/.$name".dbhost-*
candidate=$(mktemp "$folder/.$name.dbhost-XXXXXX")
trap 'rm -f "$candidate"' EXIT
chown "$owner:$group" "$candidate"
chmod "$mode" "$candidate"
cat >"$candidate"
# A connection that was cut looks like the end of the content.
[ "$(sha256sum <"$candidate" | cut -c1-64)" = "$digest" ] || { echo 'the content did not arrive whole' >&2; exit 1; }
if [ $# -gt 0 ]; then
  words=()
  for word; do words+=("${word//'{}'/$candidate}"); done
  "${words[@]}" >&2
fi
sync "$candidate"
mkdir -p -m 0700 /run/dbhost/pending
for effect in ${effects//,/ }; do : >"/run/dbhost/pending/$effect"; done
mv -T "$candidate" "$path"
trap - EXIT
