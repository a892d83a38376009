# Certain of a client is only its network: an IPv4 address, or the /64 of an IPv6 one. Put before a program of awk.
function network(address, group, groups, i, text) {
  if (address !~ /:/) return address
  sub(/::.*/, "", address)
  groups = split(address, group, ":")
  for (i = 1; i <= groups && i <= 4; i++) text = text group[i] ":"
  sub(/(0:)+$/, "", text)
  return text
}
