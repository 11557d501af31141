"""There is room for new connections, whatever the old ones do."""

from __future__ import annotations

import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress

import pytest

from ironhull.registry.server.connections import Connections
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.refusal import Refusal


class Peers:
    """Connections of this process to itself, on loopback; from any address of 127/8."""

    def __init__(self):
        self._stack = ExitStack()
        self._listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = self._listener.getsockname()[1]

    def connect(self, address="127.0.0.1"):
        """The client's end and the server's."""
        to = ("127.0.0.1", self.port)
        client = self._stack.enter_context(
            socket.create_connection(to, timeout=5, source_address=(address, 0))
        )
        server = self._stack.enter_context(self._listener.accept()[0])
        return client, server

    def close(self):
        self._stack.close()


@pytest.fixture
def peers():
    made = Peers()
    yield made
    made.close()


def ended(client):
    """Whether the server's end was shut down."""
    client.settimeout(0.05)
    try:
        return client.recv(1) == b""
    except TimeoutError:
        return False


def fill(server):
    """Send until nothing more fits between here and the client."""
    server.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            server.send(b"x" * 65536)


def test_a_connection_that_is_idle_for_long_is_shut_down(peers):
    client, _ = peers.connect()
    connections = Connections(Limits(idle=60), peers.port)
    assert connections.look(0.0) == Counter()
    assert connections.look(59.0) == Counter()
    assert not ended(client)
    # Bytes of a head that never ends are no use of the connection.
    client.sendall(b"GET /v2/ HTT")
    assert connections.look(60.0) == {"idle": 1}
    assert ended(client)
    assert (connections.count, connections.shut) == (1, 1)


def test_a_connection_whose_request_is_being_answered_is_not_idle(peers):
    client, _ = peers.connect()
    connections = Connections(Limits(idle=60), peers.port)
    with connections.request(client.getsockname()):
        connections.look(0.0)
        assert connections.look(1000.0) == Counter()
    assert connections.look(1059.0) == Counter()
    assert connections.look(1060.0) == {"idle": 1}
    assert ended(client)


def test_of_an_address_with_too_many_those_idle_longest_go(peers):
    connections = Connections(Limits(connections_of_address=3), peers.port)
    oldest, old = peers.connect()[0], peers.connect()[0]
    connections.look(0.0)
    busy, _ = peers.connect()
    with connections.request(busy.getsockname()):
        connections.look(1.0)
        new, other = peers.connect()[0], peers.connect("127.0.0.2")[0]
        assert connections.look(2.0) == {"too many of one address": 1}
        assert [ended(client) for client in (oldest, old, busy, new, other)] == [
            True, False, False, False, False,
        ]  # fmt: skip


def test_idle_connections_of_an_address_are_no_reason_to_refuse_its_requests(peers):
    connections = Connections(Limits(connections_of_address=2), peers.port)
    clients = [peers.connect()[0] for _ in range(4)]
    connections.look(0.0)
    assert [ended(client) for client in clients].count(True) == 2
    connections.look(0.1)
    with connections.request(("127.0.0.1", 1)):
        pass


def test_when_room_is_needed_the_address_with_most_gives_it(peers):
    # Room for three quarters of eight, two of one address.
    connections = Connections(Limits(connections_of_address=100), peers.port, capacity=8)
    honest = [peers.connect(f"127.0.0.{number}")[0] for number in (11, 12, 13)]
    connections.look(0.0)
    greedy = [peers.connect(f"127.0.0.{number}")[0] for number in (2, 2, 3, 3)]
    assert connections.look(1.0) == {"room is needed": 1}
    assert [ended(client) for client in greedy].count(True) == 1
    assert not any(map(ended, honest))


def test_one_address_cannot_have_all_the_room(peers):
    connections = Connections(Limits(), peers.port, capacity=8)
    clients = [peers.connect()[0] for _ in range(6)]
    assert connections.look(0.0) == {"too many of one address": 4}
    assert [ended(client) for client in clients].count(True) == 4


def test_a_reader_that_takes_next_to_nothing_is_shut_down_and_a_slow_one_is_not(peers):
    connections = Connections(Limits(idle=60, slowest=1024, patience=120), peers.port)
    readers = [peers.connect() for _ in range(2)]
    for _, server in readers:
        fill(server)
    (stalled, _), (slow, server) = readers
    connections.look(0.0)
    for now in (60.0, 120.0):
        for _ in range(20):
            slow.recv(65536)
        time.sleep(0.05)  # the kernel's acknowledgement
        fill(server)
        found = connections.look(now)
    assert found == {"reads too slowly": 1}
    while stalled.recv(65536):
        pass
    assert slow.recv(1) == b"x"
    # It begins anew: what it took before is no credit.
    assert connections.look(240.0) == {"reads too slowly": 1}


def test_other_sockets_and_other_ports_are_let_alone(peers):
    other = Peers()
    try:
        client, _ = other.connect()
        pair = socket.socketpair()
        connections = Connections(Limits(idle=1), peers.port)
        connections.look(0.0)
        assert connections.look(100.0) == Counter()
        assert connections.count == 0
        assert not ended(client)
        for end in pair:
            end.close()
    finally:
        other.close()


def test_a_descriptor_that_became_another_connections_is_seen_anew(peers):
    connections = Connections(Limits(idle=60), peers.port)
    _, server = peers.connect()
    number = server.fileno()
    connections.look(0.0)
    server.close()
    client, server = peers.connect()
    if server.fileno() != number:
        server = socket.socket(fileno=server.detach())
    assert connections.look(60.0) == Counter()
    assert not ended(client)
    server.close()


def test_an_address_with_too_many_requests_is_told_to_come_back():
    connections = Connections(Limits(connections_of_address=2))
    with connections.request(("192.0.2.1", 1)), connections.request(("192.0.2.1", 2)):
        with pytest.raises(Refusal) as caught, connections.request(("192.0.2.1", 3)):
            pass
        assert (caught.value.status, caught.value.headers["connection"]) == (429, "close")
        with connections.request(("192.0.2.2", 1)):
            pass
    with connections.request(("192.0.2.1", 3)), connections.request(("192.0.2.1", 3)):
        pass
    assert not connections._requests
    assert not connections._answering


def test_an_address_whose_readers_hold_all_it_may_have_is_told_to_come_back(peers):
    connections = Connections(Limits(connections_of_address=2), peers.port)
    for _ in range(2):
        client, server = peers.connect()
        fill(server)
    connections.look(0.0)
    with pytest.raises(Refusal), connections.request(client.getsockname()):
        pass


def test_the_registry_answers_429_to_an_address_with_too_many_requests(make, monkeypatch):
    site = make()
    connections = site.registry.connections
    monkeypatch.setattr(connections, "_of_address", 0)
    answer = site.ask("GET", "/v2/")
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
    assert answer.headers["connection"] == "close"
    assert int(answer.headers["retry-after"]) > 0


def test_a_fault_of_the_look_ends_neither_it_nor_the_server(peers, monkeypatch):
    from ironhull.registry.server import connections as module

    monkeypatch.setattr(module, "_EVERY", 0.01)
    connections = Connections(Limits(idle=0), peers.port)
    notes, real = [], connections.look
    broken = [True, True]
    monkeypatch.setattr(
        connections, "look", lambda now: 1 // 0 if broken and broken.pop() else real(now)
    )
    client, _ = peers.connect()
    connections.start(notes.append)
    deadline = time.monotonic() + 10
    while not any("idle: 1" in note for note in notes) and time.monotonic() < deadline:
        time.sleep(0.01)
    connections.stop()
    assert "looking at connections failed" in notes[0]
    assert "shut down 1 of 1 connections (idle: 1)" in notes
    assert ended(client)


def held(server):
    """What the kernel lets wait for the other end."""
    return server.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def test_little_waits_for_a_client_that_is_near(peers):
    client, server = peers.connect()
    other, others = peers.connect()
    before = held(others)
    connections = Connections(Limits(near=60, near_buffer=50_000), peers.port)
    assert connections.hold_little(client.getsockname())
    assert held(server) == 50_000
    # Also of one that the last look has seen already, and with the port as the server writes it.
    connections.look(0.0)
    host, port = other.getsockname()
    assert held(others) == before
    assert connections.hold_little((host, str(port)))
    assert held(others) == 50_000


def test_what_waits_for_a_client_that_is_far_is_the_kernels_choice(peers):
    client, server = peers.connect()
    before = held(server)
    assert not Connections(Limits(near=-1), peers.port).hold_little(client.getsockname())
    assert not Connections(Limits(near=60), peers.port).hold_little(("127.0.0.1", 1))
    assert held(server) == before


def test_a_request_counts_also_where_its_port_comes_as_text(peers):
    client, _ = peers.connect()
    connections = Connections(Limits(idle=60), peers.port)
    host, port = client.getsockname()
    with connections.request((host, str(port))):
        connections.look(0.0)
        assert connections.look(1000.0) == Counter()
    connections.look(1000.0)
    assert connections.look(1060.0) == {"idle": 1}
