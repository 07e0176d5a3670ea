"""Which part goes to which worker."""

from dataclasses import replace

from tellapart.workers.parts_left import Hand, PartsLeft, Sent


def given_to(hand, left):
    """What a worker is given until it has enough."""
    found = []
    while one := left.next_for(hand, before=100, nodes={hand.node}):
        hand.take(one)
        found.append(one)
    return found


def test_next_for__a_part_that_a_worker_may_have_died_of_is_alone_with_the_next():
    left = PartsLeft((Sent(reference=number, told="") for number in range(5)), {})
    first, second = Hand(None, "node", "10.0.0.1"), Hand(None, "node", "10.0.0.1")
    had = given_to(first, left)
    assert [one.place for one in had] == [0, 1]
    for one in had:  # it dies
        first.give_back(one)
        left.again.append(replace(one, tries=1))
    for place in (0, 1):
        (one,) = given_to(second, left)
        assert one.place == place
        second.give_back(one)
    assert [one.place for one in given_to(second, left)] == [2, 3]
    assert (first.parts, second.parts) == (0, 2)
