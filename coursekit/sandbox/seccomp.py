"""A filter of system calls: no namespaces, no memory that belongs to no process, no network.

In a user namespace of its own a student's process would be root, and could mount a `tmpfs` as
large as half of this machine; memory of `memfd_create` and of System V's shared segments is in
no process's account. Neither Python nor torch needs them to run an answer. The network is refused
where there is no bubblewrap to give it one of its own.
"""

import platform
import struct

_REFUSED = {  # numbers on x86_64 and aarch64
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "flock": (73, 32),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
}
INOTIFY_INIT = 253  # on x86_64 alone
FCNTL = (72, 25)
_SHARED = {  # what fcntl tells other processes, or asks of them
    "F_GETLK": 5, "F_SETLK": 6, "F_SETLKW": 7, "F_OFD_GETLK": 36, "F_OFD_SETLK": 37,
    "F_OFD_SETLKW": 38, "F_SETLEASE": 1024, "F_GETLEASE": 1025, "F_NOTIFY": 1026,
}  # fmt: skip
CONNECT = (42, 203)
SOCKET, STREAM, KIND = (41, 198), 1, 0xF  # SOCK_STREAM, and the bits of a socket's kind
LOCAL, INTERNET = 1, 2  # AF_UNIX, AF_INET
NETLINK = 16  # where ZeroMQ asks for interfaces, and goes on without
SENDS = {"sendto": ((44, 206), 3), "sendmsg": ((46, 211), 2), "sendmmsg": ((307, 269), 3)}
FAST_OPEN = 0x20000000  # a flag with which sending connects
CLONE, CLONE3 = (56, 220), (435, 435)
CLONE_NEWUSER = 0x10000000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
OTHER_ABI = 0x40000000  # x32
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06  # classic BPF
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # places in `struct seccomp_data`
ALLOW, NOT_PERMITTED, INVALID, NO_SUCH_CALL = 0x7FFF0000, 0x50001, 0x50016, 0x50026
NO_SUCH_FAMILY = 0x50061


_Line = tuple[int, int, int, int]  # operation, lines to skip if true and if false, operand


def program(network: bool = True) -> bytes:
    """The filter, as `bwrap --seccomp` reads it; empty for a machine whose numbers are not known.

    Args:
        network: False refuses to connect to anything, on the loopback too, and every socket of
            the network but those at which a kernel is spoken to.
    """
    if platform.machine() not in MACHINES:
        return b""
    which, architecture = MACHINES[platform.machine()]
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, NO_SUCH_CALL),  # a 32-bit program
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, OTHER_ABI),
        (RETURN, 0, 0, NO_SUCH_CALL),
    ]
    for numbers in _REFUSED.values():
        lines += [(EQUAL, 0, 1, numbers[which]), (RETURN, 0, 0, NOT_PERMITTED)]
    if which == 0:
        lines += [(EQUAL, 0, 1, INOTIFY_INIT), (RETURN, 0, 0, NOT_PERMITTED)]
    lines += [(EQUAL, 0, 2 + 2 * len(_SHARED), FCNTL[which]), (LOAD, 0, 0, ARGUMENTS + 8)]
    for told in _SHARED.values():
        lines += [(EQUAL, 0, 1, told), (RETURN, 0, 0, NOT_PERMITTED)]
    lines += [(RETURN, 0, 0, ALLOW)]
    lines += _families(which) if network else _no_network(which)
    # clone3's flags are out of a filter's sight; without it, libc takes clone.
    lines += [(EQUAL, 0, 1, CLONE3[which]), (RETURN, 0, 0, NO_SUCH_CALL)]
    lines += [(EQUAL, 0, 3, CLONE[which]), (LOAD, 0, 0, ARGUMENTS)]
    lines += [(ANY_BIT, 0, 1, CLONE_NEWUSER), (RETURN, 0, 0, NOT_PERMITTED)]
    lines += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _no_network(which: int) -> list[_Line]:
    """With the number of the call loaded, and still loaded afterwards."""
    lines = [(EQUAL, 0, 1, CONNECT[which]), (RETURN, 0, 0, NOT_PERMITTED)]
    for numbers, place in SENDS.values():
        lines += [(EQUAL, 0, 4, numbers[which]), (LOAD, 0, 0, ARGUMENTS + 8 * place)]
        lines += [(ANY_BIT, 0, 1, FAST_OPEN), (RETURN, 0, 0, NOT_PERMITTED), (RETURN, 0, 0, ALLOW)]
    return [*lines, *_families(which, STREAM)]


def _families(which: int, kind: int | None = None) -> list[_Line]:
    """Sockets of this machine, and of the internet's protocols: of one kind, if one is given."""
    known = [(LOAD, 0, 0, ARGUMENTS), (EQUAL, 0, 1, LOCAL), (RETURN, 0, 0, ALLOW)]
    known += [(EQUAL, 0, 1, NETLINK), (RETURN, 0, 0, INVALID)]
    known += [(EQUAL, 1, 0, INTERNET), (RETURN, 0, 0, NO_SUCH_FAMILY)]
    if kind is not None:
        known += [(LOAD, 0, 0, ARGUMENTS + 8), (AND, 0, 0, KIND), (EQUAL, 1, 0, kind)]
        known += [(RETURN, 0, 0, NOT_PERMITTED)]
    known += [(RETURN, 0, 0, ALLOW)]
    return [(EQUAL, 0, len(known), SOCKET[which]), *known]
