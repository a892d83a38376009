# Makes a system user with a group of its own. usage: NAME COMMENT
name=$1
# Files bear the number of a group that was lost.
if gid=$(id -g "$name" 2>/dev/null) && ! getent group "$name" >/dev/null; then
  groupadd --system --gid "$gid" "$name"
fi
# It replaces whole files, the group's first: dying in it leaves no user without a group.
systemd-sysusers --inline "u $name - \"$2\" /nonexistent"
