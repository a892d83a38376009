#!/bin/bash
# Loads the firewall's rules from standard input in a network of its own and tries port 6432 from three addresses,
# twice each. Prints "<address> in" or "<address> out".
set -euo pipefail
rules=$(cat)
exec unshare --net bash -euo pipefail -c '
  ip link set lo up
  ip link add outside type veth peer name inside
  # The far end lives in a second network, held open by a process that sleeps.
  unshare --net sleep 60 &
  far=$!
  trap "kill $far" EXIT
  until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
  ip link set outside netns $far
  ip addr add 10.99.0.1/24 dev inside
  ip link set inside up
  nsenter --net=/proc/$far/ns/net bash -c "ip link set outside up; for i in 11 12 13; do ip addr add 10.99.0.\$i/24 dev outside; done"
  nft -f - <<<"$1"
  nft add element inet dbhost pg_allow4 { 10.99.0.0/24 }
  perl -MIO::Socket::INET -e "my \$s = IO::Socket::INET->new(LocalAddr => q(10.99.0.1), LocalPort => 6432, Listen => 50, ReuseAddr => 1) or die; sleep 60" &
  server=$!
  trap "kill $far $server" EXIT
  sleep 0.5
  for i in 11 12 13 11 12 13; do
    nsenter --net=/proc/$far/ns/net perl -MIO::Socket::INET -e "
      my \$s = IO::Socket::INET->new(LocalAddr => q(10.99.0.$i), PeerAddr => q(10.99.0.1), PeerPort => 6432, Timeout => 1);
      print q(10.99.0.$i ), \$s ? q(in) : q(out), qq(\n)"
  done
' full-set "$rules"
