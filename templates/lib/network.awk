# Certain of a client is only its network: an IPv4 address, or the /64 of an IPv6 one. Put before a program of awk.
function network(address, group, rest, split_at, heads, tails, i) {
  if (address !~ /:/) return address
  split_at = index(address, "::")
  if (split_at) {
    heads = split(substr(address, 1, split_at - 1), group, ":")
    tails = split(substr(address, split_at + 2), rest, ":")
    for (i = heads + 1; i <= 8 - tails; i++) group[i] = "0"
    for (i = 1; i <= tails; i++) group[8 - tails + i] = rest[i]
  } else split(address, group, ":")
  return group[1] ":" group[2] ":" group[3] ":" group[4] ":"
}
