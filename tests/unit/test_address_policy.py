"""Which addresses may be connected to, in whatever form they come."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring._errors import ConnectError
from mooring._flow.address_policy import AddressPolicy

PUBLIC = AddressPolicy.public_only()
FOURS = st.ip_addresses(v=4)
# As many special ones as ordinary ones.
FOUR = FOURS | st.sampled_from(
    ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "100.64.0.0/10"]
).flatmap(lambda network: st.ip_addresses(network=network))


@dataclass(frozen=True)
class Place:
    ip: str


def places(*ips: str) -> list[Place]:
    return [Place(ip) for ip in ips]


def within(prefix: str, four: object, *, shift: int = 0) -> str:
    """Put an IPv4 address into an IPv6 prefix, *shift* bits from the end."""
    return str(IPv6Address(int(IPv6Address(prefix)) | int(IPv4Address(four)) << shift))


def mapped(four: object) -> str:
    return within("::ffff:0:0", four)


def nat64(four: object) -> str:
    return within("64:ff9b::", four)


def sixtofour(four: object) -> str:
    return within("2002::", four, shift=80)


def teredo(four: object) -> str:
    inverted = int(IPv4Address(four)) ^ 0xFFFFFFFF
    return within("2001:0:909:909::", inverted)


def isatap(four: object) -> str:
    return within("2600::5efe:0:0", four)


def local_nat64(four: object) -> str:
    return within("64:ff9b:1::", four)


def local_nat64_48(four: object) -> str:
    bits = int(IPv4Address(four))
    high, low = bits >> 16, bits & 0xFFFF
    return str(IPv6Address(int(IPv6Address("64:ff9b:1::")) | high << 64 | low << 40))


def local_nat64_56(four: object) -> str:
    bits = int(IPv4Address(four))
    high, low = bits >> 24, bits & 0xFFFFFF
    return str(IPv6Address(int(IPv6Address("64:ff9b:1::")) | high << 64 | low << 32))


def local_nat64_64(four: object) -> str:
    return within("64:ff9b:1::", four, shift=24)


def compatible(four: object) -> str:
    return within("::", four)


def translated(four: object) -> str:
    return within("::ffff:0:0:0", four)


TUNNELLED = [
    sixtofour,
    teredo,
    isatap,
    local_nat64,
    local_nat64_48,
    local_nat64_56,
    local_nat64_64,
    compatible,
    translated,
]

BLOCKED = [
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "this host"),
    ("::1/128", "loopback"),
    ("64:ff9b:1::/48", "NAT64 of this network"),
    ("100::/64", "reserved"),
    ("2001::/32", "Teredo"),
    ("2001:2::/48", "reserved"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "reserved"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
]
OPEN = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]


@pytest.mark.parametrize(("network", "kind"), BLOCKED)
def test_what_is_not_public_is_blocked(network: str, kind: str) -> None:
    """From the first to the last address of each special network (G003)."""
    block = ip_network(network)

    assert kind == PUBLIC.why_not(str(block[0]))
    assert kind == PUBLIC.why_not(str(block[-1]))


@pytest.mark.parametrize("ip", OPEN)
def test_what_is_public_is_allowed(ip: str) -> None:
    """Right up to the edges of the special networks."""
    assert PUBLIC.why_not(ip) is None
    assert PUBLIC.allows(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_metadata_services_are_not_public(ip: str) -> None:
    """What clouds tell their machines is for these only."""
    assert not PUBLIC.allows(ip)


@pytest.mark.parametrize("ip", ["fe80::1%eth0", "::1%lo", "fd00::1%1"])
def test_zones_do_not_help(ip: str) -> None:
    """An address is judged without its zone."""
    assert not PUBLIC.allows(ip)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "a.example", "0x7f.1", "2130706433", "127.1", "[::1]", "/x"],
)
def test_what_is_no_address_is_not_allowed(text: str) -> None:
    """Not even by a policy that allows everything."""
    assert "not an address" == AddressPolicy().why_not(text)


@given(st.ip_addresses())
def test_pythons_opinion_is_respected(address: IPv4Address | IPv6Address) -> None:
    """What ipaddress holds for special is not public here either.

    But for what stands for an IPv4 address; Pythons have differed over those.
    """
    judged = address
    if isinstance(address, IPv6Address) and address in IPv6Network("64:ff9b::/96"):
        judged = IPv4Address(int(address) & 0xFFFFFFFF)
    elif isinstance(address, IPv6Address) and address.ipv4_mapped:
        judged = address.ipv4_mapped
    special = not judged.is_global or judged.is_multicast or judged.is_reserved

    assert not (special and PUBLIC.allows(str(address)))


@given(FOUR)
def test_mapped_and_nat64_addresses_are_judged_by_what_they_reach(
    four: IPv4Address,
) -> None:
    """The kernel or the network makes an IPv4 address of them."""
    for policy in (
        PUBLIC,
        AddressPolicy(allow=["10.0.0.0/8", "::/0"]),
        AddressPolicy(deny=["127.0.0.0/8", "10.0.0.0/8"]),
    ):
        expected = policy.why_not(str(four))

        assert expected == policy.why_not(mapped(four))
        assert expected == policy.why_not(nat64(four))


@pytest.mark.parametrize("form", TUNNELLED)
@given(four=FOUR)
def test_tunnelled_addresses_are_never_less_than_denied(
    form: object, four: IPv4Address
) -> None:
    """Where some router may read an IPv4 address, that one counts, too."""
    assert callable(form)
    ip = form(four)

    assert not PUBLIC.allows(ip) or PUBLIC.allows(str(four))
    assert "denied" == AddressPolicy(deny=[f"{four}/32"]).why_not(ip)
    # Nor does an IPv4 network let them pass, which is not what is connected to.
    assert not AddressPolicy(allow=["0.0.0.0/0"]).allows(ip)


@pytest.mark.parametrize(
    ("ip", "kind"),
    [
        (sixtofour("9.9.9.9"), "6to4"),
        (teredo("9.9.9.9"), "Teredo"),
        (compatible("9.9.9.9"), "IPv4-compatible"),
        (translated("9.9.9.9"), "IPv4-translated"),
        (isatap("10.0.0.1"), "private inside"),
        (isatap("9.9.9.9"), None),
        (mapped("10.0.0.1"), "private"),
        (nat64("127.0.0.1"), "loopback"),
        (nat64("9.9.9.9"), None),
        (mapped("9.9.9.9"), None),
    ],
)
def test_ways_in_which_addresses_hold_others(ip: str, kind: str | None) -> None:
    """One of each, with the word for it."""
    assert kind == PUBLIC.why_not(ip)


def test_what_only_looks_like_nat64_is_not_read_as_that() -> None:
    """Bits 64 to 71 are zero in all of its short forms (RFC 6052 section 2.2)."""
    policy = AddressPolicy(deny=["10.0.0.0/8"])

    assert not policy.allows(local_nat64_64("10.0.0.1"))
    assert policy.allows(within(local_nat64_64("10.0.0.1"), 1, shift=56))


def test_an_allow_list_is_all_that_is_allowed() -> None:
    """Networks, single addresses, both families."""
    policy = AddressPolicy(allow=["10.0.0.0/8", "192.0.2.1", "fd00::/8"])

    assert policy.allows("10.255.0.1")
    assert policy.allows("192.0.2.1")
    assert policy.allows("fd12::1")
    assert "not among the allowed" == policy.why_not("192.0.2.2")
    assert not policy.allows("9.9.9.9")


def test_an_empty_allow_list_allows_nothing() -> None:
    """Empty is not the same as absent."""
    assert not AddressPolicy(allow=[]).allows("9.9.9.9")
    assert AddressPolicy().allows("127.0.0.1")


def test_denied_is_denied() -> None:
    """Even if it is public, or on the list."""
    policy = AddressPolicy.public_only(
        allow=["10.0.0.0/8"], deny=["10.0.0.0/9", "9.9.9.9"]
    )

    assert "denied" == policy.why_not("10.1.1.1")
    assert "denied" == policy.why_not("9.9.9.9")
    assert policy.allows("10.200.1.1")
    assert policy.allows("9.9.9.8")
    assert "loopback" == policy.why_not("127.0.0.1")


def test_mapped_networks_are_those_of_ipv4() -> None:
    """Written either way, they hold for addresses written either way."""
    policy = AddressPolicy(deny=["::ffff:10.0.0.0/104"])

    assert AddressPolicy(deny=["10.0.0.0/8"]) == policy
    assert not policy.allows("10.1.1.1")
    assert not policy.allows("::ffff:10.1.1.1")


def test_all_of_ipv6_is_no_way_to_ipv4() -> None:
    """A mapped address is one of IPv4, whatever it looks like."""
    policy = AddressPolicy(allow=["::/0"])

    assert policy.allows("2606:4700::1")
    assert not policy.allows("::ffff:10.0.0.1")
    assert not policy.allows("64:ff9b::10.0.0.1")


@pytest.mark.parametrize(
    "network",
    ["", "10.0.0.1/8", "10.0.0.0/33", "a.example", "::/129", "10/8", "fe80::%1"],
)
def test_malformed_networks_are_refused(network: str) -> None:
    """A slip in a list of what is forbidden must not pass unnoticed."""
    with pytest.raises(ValueError, match=r"^deny: "):
        AddressPolicy(deny=[network])


def test_one_network_is_no_list() -> None:
    """A string would be read as a list of letters."""
    with pytest.raises(TypeError, match="allow is a list of networks"):
        AddressPolicy(allow="10.0.0.0/8")


def test_networks_may_be_objects() -> None:
    """Whoever has them ready need not write them out."""
    policy = AddressPolicy(allow=[IPv4Network("10.0.0.0/8")])

    assert AddressPolicy(allow=["10.0.0.0/8"]) == policy
    assert hash(AddressPolicy(allow=["10.0.0.0/8"])) == hash(policy)
    assert AddressPolicy.public_only(allow=["10.0.0.0/8"]) != policy


def test_a_policy_shows_what_it_says() -> None:
    """The representation makes the same policy again."""
    policy = AddressPolicy.public_only(allow=["10.0.0.0/8"], deny=["::1", "9.9.9.9"])

    assert (
        "AddressPolicy.public_only(allow=['10.0.0.0/8'],"
        " deny=['::1/128', '9.9.9.9/32'])" == repr(policy)
    )
    assert policy == eval(repr(policy), {"AddressPolicy": AddressPolicy})
    assert "AddressPolicy.public_only()" == repr(PUBLIC)


def test_the_allowed_addresses_of_a_name_are_kept() -> None:
    """A private AAAA beside a public A takes the A away from nobody (G006)."""
    found = places("fd00::1", "9.9.9.9", "127.0.0.1", "2606:4700::1")

    assert places("9.9.9.9", "2606:4700::1") == PUBLIC.check("a.example:80", found)


def test_a_name_without_allowed_addresses_is_refused() -> None:
    """Before anything is connected to, so open and closed ports look alike (G004)."""
    with pytest.raises(ConnectError) as caught:
        PUBLIC.check("a.example:80", places("10.0.0.1", "::1", "::ffff:127.0.0.1"))

    assert (
        "the address policy does not allow a.example:80:"
        " 10.0.0.1 (private), ::1 (loopback), ::ffff:127.0.0.1 (loopback)"
    ) == str(caught.value)
    assert "address-policy" == caught.value.code


def test_long_lists_are_cut() -> None:
    """An error text is no place for all the addresses of a name server's choice."""
    with pytest.raises(ConnectError) as caught:
        PUBLIC.check("a.example:80", places(*[f"10.0.0.{n}" for n in range(200)]))

    assert str(caught.value).endswith("10.0.0.7 (private), 192 more")


def test_a_name_without_addresses_is_refused() -> None:
    """There is nothing to connect to."""
    with pytest.raises(ConnectError, match="no address found"):
        PUBLIC.check("a.example:80", [])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.0.0.1", "localhost", "LOCALHOST.", "a.localhost"]
)
def test_what_needs_no_resolving_is_not_left_to_a_proxy(host: str) -> None:
    """The policy is for what we connect to; this much can be told besides (G005)."""
    with pytest.raises(ConnectError, match=r"does not allow a:1: (127|::1|10)"):
        PUBLIC.check_unresolved("a:1", host)


@pytest.mark.parametrize(
    "host", ["a.example", "9.9.9.9", "2606:4700::1", "notlocalhost"]
)
def test_names_are_left_to_a_proxy(host: str) -> None:
    """The proxy resolves them, so it is the proxy that has to guard (G005)."""
    PUBLIC.check_unresolved("a:1", host)


@given(st.lists(st.ip_addresses()))
def test_what_is_kept_is_what_is_allowed(
    found: list[IPv4Address | IPv6Address],
) -> None:
    """In the resolver's order, and nothing else."""
    candidates = places(*map(str, found))
    expected = [one for one in candidates if PUBLIC.allows(one.ip)]

    try:
        kept = PUBLIC.check("a:1", candidates)
    except ConnectError:
        kept = []

    assert expected == kept
    assert all(ip_address(one.ip).is_global for one in kept if ":" not in one.ip)
