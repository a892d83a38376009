/**
 * Shell scripts for a host. STAGE installs old packages and puts newer ones of them, and of PgBouncer and PostgreSQL as
 * they are, into two local archives: one that calls itself Debian's security archive, and a foreign one. No other
 * archive is asked meanwhile. SLOW adds one whose configuration takes a while. UNSTAGE undoes all of it.
 */
const FUNCTIONS = `
work=/srv/w21
keep() {
  (cd $work/original && apt-get -qq download $1 2>/dev/null)
  dpkg-deb -R $work/original/$1_*.deb $work/tree
  sed -i -E 's/^(Version: .*)/\\1+w21/' $work/tree/DEBIAN/control
  dpkg-deb -Znone --root-owner-group -b $work/tree $work/debian/$1.deb >/dev/null
  rm -r $work/tree
}
build() {
  local archive=$1 name=$2 version=$3 tree
  tree=$(mktemp -d) && chmod 755 $tree
  mkdir -p $tree/DEBIAN $tree/usr/lib/$name
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: W21\\nDescription: W21\\n' $name $version >$tree/DEBIAN/control
  cp /usr/bin/sleep $tree/usr/lib/$name/sleep && printf %s "$version" >>$tree/usr/lib/$name/sleep
  [ -z "\${4:-}" ] || { printf '#!/bin/sh\n%s\n' "$4" >$tree/DEBIAN/postinst; chmod 755 $tree/DEBIAN/postinst; }
  dpkg-deb -Znone --root-owner-group -b $tree $work/$archive/$name.deb >/dev/null
  rm -r $tree
}
index() {
  cd $work/$1
  for deb in *.deb; do
    dpkg-deb -f $deb
    printf 'Filename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' $deb $(stat -c %s $deb) $(sha256sum $deb | cut -d' ' -f1)
  done >Packages
  printf 'Origin: %s\\nLabel: %s\\nSuite: %s\\nCodename: %s\\nDate: %s\\nSHA256:\\n %s %s Packages\\n' $2 $3 $4 $5 \\
    "$(LC_ALL=C date -Ru | sed s/+0000/UTC/)" $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) >Release
}`

export const STAGE = `${FUNCTIONS}
mkdir -p $work/original $work/debian $work/foreign
keep pgbouncer
keep postgresql-17
build debian w21-service 1
build foreign w21-foreign 1
dpkg -i $work/*/w21-*.deb >/dev/null
printf '[Service]\\nExecStart=/usr/lib/w21-service/sleep infinity\\n' >/etc/systemd/system/w21.service
systemctl daemon-reload
systemctl start w21
build debian w21-service 2
build foreign w21-foreign 2
index debian Debian Debian-Security stable-security trixie-security
index foreign Elsewhere Elsewhere stable trixie
mv /etc/apt/sources.list.d/debian.sources $work/
printf 'deb [trusted=yes] file:%s ./\\n' $work/debian $work/foreign >/etc/apt/sources.list.d/w21.list
# The test is of what is decided and done, not of how fast this disk is.
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/w21
apt-get -qq update`

export const SLOW = `${FUNCTIONS}
build debian w21-service 3 'touch /run/w21.configuring; sleep 5; touch /run/w21.configured'
index debian Debian Debian-Security stable-security trixie-security
apt-get -qq update`

export const UNSTAGE = `
work=/srv/w21
[ -d $work ] || exit 0
systemctl stop w21 || true
rm -f /run/w21.* /etc/systemd/system/w21.service /etc/apt/sources.list.d/w21.list
[ ! -f $work/debian.sources ] || mv $work/debian.sources /etc/apt/sources.list.d/
dpkg --purge w21-service w21-foreign >/dev/null
dpkg -i --force-downgrade --force-confold $work/original/*.deb >/dev/null 2>&1
needrestart -q -b -r l | sed -n 's/^NEEDRESTART-SVC: //p' | grep -E '^(pgi@|pgbouncer)' | xargs -r systemctl restart
rm -rf $work /etc/dpkg/dpkg.cfg.d/w21
systemctl daemon-reload
apt-get -qq update`
