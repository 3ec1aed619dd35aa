# SPDX-License-Identifier: Apache-2.0
"""What a hostile VM sends: 24 forged frames, written here by the RFCs and not taken from the guard's own list, with the reason for which
each has to be refused. `bare`: without a guard it crosses the bridge (a bridge itself drops a source that is zero or a group)."""
import socket

from guard_lab import BROADCAST, arp, icmp6, ipv4, udp

ALL_NODES, ALL_ROUTERS = "333300000001", "333300000002"
GROUP, GROUP_ROUTERS = "ff02::1", "ff02::2"
STP, LLDP = "0180c2000000", "0180c200000e"


def v6(address):
    return socket.inet_pton(socket.AF_INET6, address).hex()


def ip6(source, target, following, body):
    return "86dd60000000" + f"{len(body) // 2:04x}{following:02x}ff" + v6(source) + v6(target) + body


def udp_body(sport, dport, data="00" * 40):
    return f"{sport:04x}{dport:04x}{8 + len(data) // 2:04x}0000" + data


class Peer:
    """One end: its addresses as text, its MAC as hexadecimal digits."""

    def __init__(self, mac, ip, ip6, link):
        self.mac, self.ip, self.ip6, self.link = mac, ip, ip6, link


def dhcp_reply(me, victim):
    """An offer that names the liar as router and name server (RFC 2131)."""
    yours = socket.inet_aton(victim.ip).hex()
    mine = socket.inet_aton(me.ip).hex()
    body = "0201060052464752" + "0" * 8 + "0" * 8 + yours + mine + "0" * 8 + victim.mac + "0" * 20 + "0" * 384 + \
        "63825363" + "350102" + "3604" + mine + "0304" + mine + "0604" + mine + "ff"
    body = udp_body(67, 68, body)
    return "0800" + ipv4(me.ip, "255.255.255.255", 17, len(body) // 2) + body


def router(source):
    """An advertisement with itself as the default router (RFC 4861)."""
    return icmp6(134, source, GROUP, "40000708" + "0" * 16)


def hidden_by_options(source):
    return ip6(source, GROUP, 60, "3a00010400000000" + "86000000" + "40000708" + "0" * 16)


def hidden_by_fragment(source):
    """RFC 7113: a fragment header that splits nothing, the first part of a router advertisement behind it."""
    return ip6(source, GROUP, 44, "3a00000100000001" + "86000000" + "40000708" + "0" * 16)


def forged(me, gateway, victim):
    """name: (word of the reason, frame, bare)"""
    mine = BROADCAST + me.mac
    own = udp(me.ip, gateway.ip)
    six = ALL_NODES + me.mac
    return {
        "the gateway's source MAC": ("source-mac", BROADCAST + gateway.mac + own, True),
        "a stranger's source MAC": ("source-mac", BROADCAST + "02deadbeef01" + own, True),
        "source MAC zero": ("source-mac", BROADCAST + "0" * 12 + own, False),
        "a group as source MAC": ("source-mac", BROADCAST + "01" + me.mac[2:] + own, False),
        "ARP: I am the gateway": ("arp", mine + arp(2, me.mac, gateway.ip, me.ip), True),
        "ARP: announces the victim's address": ("arp", mine + arp(1, me.mac, victim.ip, victim.ip), True),
        "ARP: my address is at the victim's MAC": ("arp", mine + arp(2, victim.mac, me.ip, me.ip), True),
        "IPv4 source of the gateway": ("ipv4-source", mine + udp(gateway.ip, me.ip), True),
        "IPv4 source 0.0.0.0 that is no DHCP": ("ipv4-source", mine + udp("0.0.0.0", "255.255.255.255"), True),
        "DHCP offer": ("dhcp-server", mine + dhcp_reply(me, victim), True),
        "DHCPv6 advertise": ("dhcp-server", six + ip6(me.ip6, GROUP, 17, udp_body(547, 546)), True),
        "IPv6 source of the victim": ("ipv6-source", six + ip6(victim.ip6, GROUP, 17, udp_body(40000, 40001)), True),
        "router advertisement": ("router", six + router(me.link), True),
        "router advertisement behind options": ("router", six + hidden_by_options(me.link), True),
        "router advertisement behind a fragment header": ("fragment", six + hidden_by_fragment(me.link), True),
        "redirect": ("router", six + icmp6(137, me.link, GROUP, "0" * 8 + v6(me.ip6) + v6(victim.ip6)), True),
        "ND: the victim's address is at my MAC": ("nd", six + icmp6(136, me.ip6, GROUP, "20000000" + v6(victim.ip6) + "0201" + me.mac), True),
        "ND: my address is at the victim's MAC": ("nd", six + icmp6(135, me.ip6, GROUP, "0" * 8 + v6(gateway.ip6) + "0101" + victim.mac), True),
        "802.1Q tag": ("vlan", mine + "8100000a" + own, True),
        "priority tag": ("vlan", mine + "8100a000" + own, True),
        "two tags": ("vlan", mine + "88a80001" + "8100000a" + own, True),
        "spanning tree": ("link-control", STP + me.mac + "0026424203000000000000" + "0" * 70, True),
        "LLDP": ("link-control", LLDP + me.mac + "88cc" + "0207045254007e57020407030000" + "0" * 60, True),
        "longer than the port allows": ("length", mine + udp(me.ip, gateway.ip, data="52" * 1600), True),
    }
